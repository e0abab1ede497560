"""The operator as a process, on a real API server and Job controller; only the pods are simulated."""

from __future__ import annotations

import pytest

from shardwright_worker.contract.reasons import Reason
from tools.cluster.api import wait_until
from tools.control_plane.control_plane import ControlPlane
from tools.testing.kubelet import Kubelet, by_stage
from tools.testing.namespace import Namespace
from tools.testing.operator import Operator
from tools.testing.pod_outcomes import RUNNING, Outcome, failure


def test_a_resource_becomes_ready_by_two_jobs(namespace: Namespace, kubelet: Kubelet, operator: Operator) -> None:
    namespace.create("model")
    ready = namespace.wait("model")
    stages = [job["metadata"]["labels"]["shardwright.io/stage"] for job in namespace.jobs("model")]
    assert sorted(stages) == ["prepare", "shard"]
    assert ready["status"]["artifact"]["path"] in kubelet.volumes.artifacts[(namespace.name, "shards")]
    assert ready["status"]["observedGeneration"] == ready["metadata"]["generation"]
    assert not ready["metadata"].get("finalizers")
    assert not ready["metadata"].get("annotations")
    managers = {one["manager"] for one in ready["metadata"]["managedFields"] if one.get("subresource") == "status"}
    assert managers == {"shardwright"}
    wait_until(lambda: any(one["reason"] == "Succeeded" for one in namespace.objects("events")), "the event", 30)


def test_a_killed_operator_continues_and_creates_no_job_twice(
    namespace: Namespace, kubelet: Kubelet, operator: Operator
) -> None:
    kubelet.script = by_stage(prepare=RUNNING, shard=RUNNING)
    namespace.create("model")
    for stage in ("prepare", "shard"):
        wait_until(lambda stage=stage: bool(namespace.jobs("model", stage)), f"the {stage} Job", 120)  # type: ignore[misc]
        operator.kill()
        operator.start()
        operator.wait_ready()
        kubelet.script = by_stage(shard=RUNNING) if stage == "prepare" else by_stage()
    namespace.wait("model")
    assert len(namespace.jobs("model")) == 2


def test_a_failure_is_reported_with_the_workers_message_and_retried(
    namespace: Namespace, kubelet: Kubelet, operator: Operator
) -> None:
    kubelet.script = by_stage(shard=[failure(Reason.COMMUNICATION_FAILED, "rank 1 was lost", rank=1)])
    namespace.create("model")
    ready = namespace.wait("model")
    assert len(namespace.jobs("model", "shard")) == 2
    assert [one["reason"] for one in ready["status"]["failedAttempts"]] == ["CommunicationFailed"]
    assert "rank 1 was lost" in ready["status"]["failedAttempts"][0]["message"]
    reasons = {one["reason"] for one in namespace.objects("events")}
    assert "CommunicationFailed" in reasons


@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_sidecar_does_not_affect_the_result(
    namespace: Namespace, kubelet: Kubelet, operator: Operator, exit_code: int
) -> None:
    kubelet.script = lambda _: Outcome(sidecar=exit_code)
    namespace.create("model")
    assert "failedAttempts" not in namespace.wait("model")["status"]
    assert len(namespace.jobs("model")) == 2


def test_a_permanent_failure_is_not_retried_until_a_user_requests_it(
    namespace: Namespace, kubelet: Kubelet, operator: Operator
) -> None:
    kubelet.script = by_stage(prepare=[failure(Reason.SOURCE_INCOMPLETE, "model-00002.safetensors is missing")])
    namespace.create("model")
    stalled = namespace.wait("model", "Stalled")
    assert "model-00002.safetensors is missing" in str(stalled["status"]["conditions"])
    namespace.annotate("model", _requestedAt="now")
    assert namespace.wait("model")["status"]["lastHandledReconcileAt"] == "now"


def test_deleting_a_resource_deletes_its_jobs(namespace: Namespace, kubelet: Kubelet, operator: Operator) -> None:
    kubelet.script = by_stage(prepare=RUNNING)
    namespace.create("model")
    wait_until(lambda: bool(namespace.jobs("model")), "the Job", 120)
    namespace.delete("shardedcheckpoints", "model")
    wait_until(lambda: not namespace.jobs("model"), "the Job being gone", 120)
    assert operator.running


def test_a_claim_that_is_created_later_is_used(namespace: Namespace, kubelet: Kubelet, operator: Operator) -> None:
    namespace.create("model", output={"persistentVolumeClaim": {"claimName": "late"}})
    namespace.wait("model", reason="VolumeNotFound")
    namespace.create_claim("late")
    namespace.wait("model")


def test_another_replica_continues_after_the_leader_without_a_duplicate(
    served: ControlPlane, namespace: Namespace, kubelet: Kubelet
) -> None:
    options = (f"--namespaces={namespace.name}", f"--lease-namespace={namespace.name}")
    kubelet.script = by_stage(shard=RUNNING)
    with Operator(served.kubeconfig, *options) as first, Operator(served.kubeconfig, *options) as second:
        for one in (first, second):
            one.wait_ready()
        wait_until(lambda: _leaders(first, second) == 1, "one leader", 60)
        namespace.create("model")
        wait_until(lambda: bool(namespace.jobs("model", "shard")), "the shard Job", 120)
        leader, other = (first, second) if _leads(first) else (second, first)
        assert leader.stop() == 0
        wait_until(lambda: _leads(other), "the other leading", 60)
        kubelet.script = by_stage()
        namespace.wait("model")
    assert len(namespace.jobs("model")) == 2


def test_sigterm_exits_with_0_and_releases_the_lease(
    namespace: Namespace, operator: Operator, served: ControlPlane
) -> None:
    wait_until(lambda: _leads(operator), "leading", 60)
    assert operator.stop() == 0
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace.name}/leases/shardwright-operator"
    assert served.api.call("GET", path)["spec"]["holderIdentity"] == ""


def _leads(operator: Operator) -> bool:
    return operator.metrics().get("shardwright_leader") == 1.0


def _leaders(*operators: Operator) -> int:
    return sum(_leads(one) for one in operators)
