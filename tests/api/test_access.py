"""The operator with the chart's permissions and no other: none is missing, and none is there for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shardwright_operator.api.names import STAGE
from tools.chart.rendering import NAMESPACE, Object, of_kind, render
from tools.cluster.api import Api, wait_until
from tools.control_plane.control_plane import ControlPlane
from tools.testing.api_requests import RequestLog
from tools.testing.fault_rules import Rule
from tools.testing.faults import LostResponse
from tools.testing.history_recorder import LABEL
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace, install_crd
from tools.testing.operator import Operator
from tools.testing.pod_outcomes import RUNNING, SUCCESS, Outcome, waiting
from tools.testing.proxy import Proxy

Permission = tuple[str, str, str]  # API group, resource, verb
# Never asked for by a call of the operator's own, and why it is granted all the same.
UNSEEN: Mapping[Permission, str] = {
    ("shardwright.io", "shardedcheckpoints/finalizers", "update"): "the admission plugin "
    "OwnerReferencesPermissionEnforcement, where it is on, asks for it when a Job with blockOwnerDeletion is created",
}
_PLACES = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts/",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles/",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings/",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles/",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/",
}


@pytest.fixture(scope="module")
def plane_with_chart() -> Iterator[ControlPlane]:
    """A plane with the account and roles of the chart, and no other resources: the operator sees the whole of it."""
    with ControlPlane() as plane:
        install_crd(plane.api)
        plane.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        for kind, place in _PLACES.items():
            for thing in of_kind(render(), kind):
                name, namespace = thing["metadata"]["name"], thing["metadata"].get("namespace", NAMESPACE)
                plane.api.apply(place.format(namespace) + name, thing)
        yield plane


def _token(api: Api) -> str:
    """A token for the chart's account, as kubelet would ask for it."""
    (account,) = of_kind(render(), "ServiceAccount")
    path = _PLACES["ServiceAccount"].format(NAMESPACE) + account["metadata"]["name"]
    answer = api.call("POST", f"{path}/token", {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"})
    return str(answer["status"]["token"])


class Pods:
    """What the pods do: most succeed; `waits` does not start and `runs` does not end, until they are released."""

    def __init__(self) -> None:
        self.released: set[str] = set()

    def __call__(self, pod: Mapping[str, Any]) -> Outcome:
        name, stage = pod["metadata"]["labels"][LABEL], pod["metadata"]["labels"][STAGE]
        if name in self.released or stage == "shard":
            return SUCCESS
        return {"waits": waiting("ContainerCreating"), "runs": RUNNING}.get(name, SUCCESS)


@pytest.fixture(scope="module")
def record(plane_with_chart: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> RequestLog:
    """The calls of an operator whose resources go through everything that needs a permission."""
    plane, pods = plane_with_chart, Pods()
    with Proxy(plane.url, plane.ca) as proxy, Kubelet(plane.api, pods):
        namespace = Namespace(plane.api)
        kubeconfig: Path = tmp_path_factory.mktemp("access") / "kubeconfig"
        proxy.kubeconfig(_token(plane.api), kubeconfig, NAMESPACE)
        with Operator(kubeconfig, "--lease-name=shardwright") as operator:
            operator.wait_ready()
            _live_through_everything(namespace, pods, proxy, operator)
        return proxy.log


def _live_through_everything(namespace: Namespace, pods: Pods, proxy: Proxy, operator: Operator) -> None:
    called = proxy.log.count
    # A response is lost: the resource is read.
    proxy.add(Rule("apply", "/shardedcheckpoints/plain/status", LostResponse()))
    namespace.create("plain")
    # A created claim; a pod that does not start, so that its Warnings are read; a pod that keeps running.
    create = {"claimName": "own", "create": {"size": "1Gi", "accessModes": ["ReadWriteMany"]}}
    namespace.create("claims", output={"persistentVolumeClaim": create})
    namespace.create("waits")
    namespace.create("runs")
    wait_until(lambda: called(lambda call: call.operation == "list events") > 0, "the Warnings being read", 120)
    namespace.change("waits", suspend=True)
    wait_until(lambda: called(lambda call: call.operation == "patch jobs") > 0, "the Job being suspended", 120)
    namespace.change("waits", suspend=False)
    wait_until(lambda: called(lambda call: call.operation == "get pods/log") > 0, "the log being read", 120)
    # A Job that was seen is missing: it is read live before it is taken for deleted.
    namespace.delete("jobs", namespace.jobs("runs")[0]["metadata"]["name"])
    wait_until(lambda: called(lambda call: call.operation == "get jobs") > 0, "the Job being read", 120)
    wait_until(lambda: bool(namespace.jobs("runs")), "another attempt", 120)
    # The obsolete Job of earlier inputs is deleted.
    namespace.change("runs", engine={"dtype": "bfloat16"})
    wait_until(lambda: called(lambda call: call.operation == "delete jobs") > 0, "the Job being deleted", 120)
    pods.released |= {"waits", "runs"}
    for name in ("plain", "claims", "waits", "runs"):
        namespace.wait(name)
    # The same Event occurs again, once in a process that does not know of the first.
    for dtype in ("bfloat16", "auto", "bfloat16"):
        if dtype == "auto":
            operator.stop()
            operator.start()
            operator.wait_ready()
        namespace.change("plain", engine={"dtype": dtype})
        namespace.wait("plain")
    wait_until(lambda: called(lambda call: call.operation == "patch events") > 0, "a repeated Event", 120)


def _granted() -> set[Permission]:
    roles: list[Object] = [*of_kind(render(), "ClusterRole"), *of_kind(render(), "Role")]
    return {
        (group, resource, verb)
        for role in roles
        if not role["metadata"]["name"].endswith(("-view", "-edit"))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_nothing_was_forbidden(record: RequestLog) -> None:
    assert [(call.operation, call.path) for call in record.requests if call.code in (401, 403)] == []


def test_every_permission_is_needed(record: RequestLog) -> None:
    assert _granted() - record.permissions() - UNSEEN.keys() == set()


def test_nothing_is_excused_that_was_seen_or_is_not_granted(record: RequestLog) -> None:
    assert UNSEEN.keys() <= _granted() - record.permissions()
