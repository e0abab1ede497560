"""Plans executed on a real API server: nothing twice, no foreign object changed, and a status that is entirely ours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from shardwright_operator.api.spec import ClaimTemplate
from shardwright_operator.api.status import Condition, Status
from shardwright_operator.decide import decide
from shardwright_operator.decide.plan import CreateClaim, CreateJob, DeleteJob, Plan, SuspendJob
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import Conflict
from shardwright_operator.kube.kinds import JOBS
from shardwright_operator.manifests.job import build_job
from tests.runtime.replica import CONFIG, Replica
from tools.cluster.api import wait_until
from tools.testing.namespace import Namespace


def condition(kind: str, status: Any = "True", reason: str = "Progressing") -> Condition:
    moment = datetime.now(UTC).replace(microsecond=0)
    return Condition(type=kind, status=status, reason=reason, message="m", last_transition_time=moment)


async def test_the_attempt_is_on_record_before_its_job_exists(replica: Replica, namespace: Namespace) -> None:
    await replica.reconcile()
    recorded = namespace.read("model")["status"]["job"]
    assert recorded["attempt"] == 1
    assert not namespace.jobs("model")
    await replica.reconcile()
    assert [job["metadata"]["name"] for job in namespace.jobs("model")] == [recorded["name"]]
    await replica.reconcile()
    assert len(namespace.jobs("model")) == 1


async def test_a_condition_that_is_left_out_is_removed(replica: Replica, namespace: Namespace) -> None:
    observed = await replica.observe()
    first = Status(observed_generation=1, conditions=[condition("Ready"), condition("Reconciling")])
    await replica.executor.execute(observed, Plan(first))
    second = Status(observed_generation=1, conditions=[condition("Ready")])
    await replica.executor.execute(await replica.observe(), Plan(second))
    assert [one["type"] for one in namespace.read("model")["status"]["conditions"]] == ["Ready"]


async def test_an_unchanged_status_is_not_written(replica: Replica, namespace: Namespace) -> None:
    status = Status(observed_generation=1, conditions=[condition("Ready")])
    assert (await replica.executor.execute(await replica.observe(), Plan(status))).wrote_status
    version = namespace.read("model")["metadata"]["resourceVersion"]
    assert not (await replica.executor.execute(await replica.observe(), Plan(status))).wrote_status
    assert namespace.read("model")["metadata"]["resourceVersion"] == version


async def test_a_stale_observation_writes_no_status_and_the_resource_is_read_again(
    replica: Replica, namespace: Namespace
) -> None:
    stale = await replica.observe()
    namespace.change("model", verification="Digests")
    with pytest.raises(Conflict):
        await replica.executor.execute(stale, Plan(Status(observed_generation=1)))
    assert (await replica.observe()).resource.generation == 2, "no watch event came"


async def test_a_new_resource_of_the_same_name_does_not_get_the_earlier_ones_status(
    replica: Replica, namespace: Namespace
) -> None:
    stale = await replica.observe()
    namespace.delete("shardedcheckpoints", "model")
    namespace.create("model")
    with pytest.raises(Conflict):
        await replica.executor.execute(stale, Plan(Status(observed_generation=7)))
    assert namespace.read("model")["status"] == {"observedGeneration": -1}


async def test_two_leaders_at_once_create_one_job(client: Client, namespace: Namespace, replica: Replica) -> None:
    other = Replica(client, namespace)
    other.sync()
    for _ in range(4):
        await asyncio.gather(replica.reconcile(), other.reconcile(), return_exceptions=True)
    assert len(namespace.jobs("model")) == 1
    assert namespace.read("model")["status"]["attempt"] == 1


async def test_a_create_that_conflicts_with_the_own_job_adopts_it(
    replica: Replica, client: Client, namespace: Namespace
) -> None:
    await replica.reconcile()
    before = await replica.observe()
    plan = decide(datetime.now(UTC), CONFIG, before)
    (action,) = plan.actions
    assert isinstance(action, CreateJob)
    await client.create(JOBS, namespace.name, build_job(action.request))  # the response to an earlier try was lost
    done = await replica.executor.execute(before, plan)
    assert not done.rejected
    assert [job.owned for job in (await replica.observe()).jobs] == [True]


async def test_a_deleted_resource_that_is_still_cached_gets_no_job(replica: Replica, namespace: Namespace) -> None:
    await replica.reconcile()
    namespace.delete("shardedcheckpoints", "model")
    with pytest.raises(Conflict):
        await replica.reconcile()
    assert not namespace.jobs("model")
    assert await replica.observer.observe(Key(namespace.name, "model")) is None


async def test_a_changed_resource_that_is_stale_in_the_cache_gets_no_job(
    replica: Replica, namespace: Namespace
) -> None:
    await replica.reconcile()
    namespace.change("model", engine={"dtype": "float16"})
    with pytest.raises(Conflict):
        await replica.reconcile()
    assert not namespace.jobs("model")


async def test_a_rejected_job_is_reported_with_the_servers_message(replica: Replica, namespace: Namespace) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    path = namespace.path("resourcequotas", "none")
    namespace.api.call("POST", namespace.path("resourcequotas"), quota)
    wait_until(lambda: "hard" in namespace.api.call("GET", path).get("status", {}), "the quota being counted", 60)
    for _ in range(3):
        await replica.reconcile()
    ready = Status.model_validate(namespace.read("model")["status"]).condition("Ready")
    assert ready is not None
    assert ready.reason == "PodNotCreated"
    assert "exceeded quota" in ready.message
    namespace.delete("resourcequotas", "none")
    for _ in range(2):
        await replica.reconcile()
    assert len(namespace.jobs("model")) == 1
    assert (await replica.reconcile()).status.condition("Ready").reason == "Progressing"  # type: ignore[union-attr]


async def test_only_the_job_with_the_given_uid_is_deleted(replica: Replica, namespace: Namespace) -> None:
    await replica.reconcile()
    await replica.reconcile()
    (job,) = namespace.jobs("model")
    name = job["metadata"]["name"]
    observed = await replica.observe()
    wrong = Plan(observed.resource.status, (DeleteJob(name, "11111111-1111-1111-1111-111111111111"),))
    await replica.executor.execute(observed, wrong)
    assert len(namespace.jobs("model")) == 1
    right = Plan(observed.resource.status, (DeleteJob(name, job["metadata"]["uid"]),))
    await replica.executor.execute(observed, right)
    assert not (await replica.observe()).jobs


async def test_a_job_is_suspended_and_resumed(replica: Replica, namespace: Namespace) -> None:
    await replica.reconcile()
    await replica.reconcile()
    (job,) = namespace.jobs("model")
    for suspend in (True, False):
        observed = await replica.observe()
        action = SuspendJob(job["metadata"]["name"], job["metadata"]["uid"], suspend)
        await replica.executor.execute(observed, Plan(observed.resource.status, (action,)))
        assert namespace.jobs("model")[0]["spec"]["suspend"] is suspend


async def test_a_claim_that_exists_is_read_and_not_replaced(replica: Replica, namespace: Namespace) -> None:
    before = namespace.api.call("GET", namespace.path("persistentvolumeclaims", "shards"))
    observed = await replica.observe()
    resource = observed.resource
    template = ClaimTemplate(size="2Gi")
    action = CreateClaim(resource.namespace, resource.name, resource.uid, "shards", template, owned=False)
    await replica.executor.execute(observed, Plan(resource.status, (action,)))
    claim = (await replica.observe()).claims["shards"]
    assert claim is not None
    assert (claim.uid, claim.owners) == (before["metadata"]["uid"], ())
