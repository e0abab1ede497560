"""Permissions: what is missing is named and waited for, and the namespaces that can be read are served."""

from __future__ import annotations

from pathlib import Path

from tools.control_plane.control_plane import ControlPlane
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace
from tools.testing.operator import Operator
from tools.testing.service_accounts import create_service_account, grant

OPTIONS = ("--lease-duration=4", "--renew-deadline=3", "--retry-period=0.5")
RULES = [
    {"apiGroups": ["shardwright.io"], "resources": ["shardedcheckpoints"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["shardwright.io"], "resources": ["shardedcheckpoints/status"], "verbs": ["patch"]},
    {
        "apiGroups": ["batch"],
        "resources": ["jobs"],
        "verbs": ["get", "list", "watch", "create", "patch", "delete"],
    },
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {
        "apiGroups": [""],
        "resources": ["persistentvolumeclaims"],
        "verbs": ["get", "list", "watch", "create"],
    },
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["get", "list", "create", "patch"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
]


def test_a_namespace_that_cannot_be_read_does_not_stop_the_others(served: ControlPlane, tmp_path: Path) -> None:
    mine, closed = Namespace(served.api), Namespace(served.api)
    kubeconfig = create_service_account(served, mine.name, "operator", tmp_path / "kubeconfig")
    account = (mine.name, "operator")
    grant(served, account, mine.name, "operator", RULES)
    options = (f"--namespaces={mine.name},{closed.name}", *OPTIONS)
    with Operator(kubeconfig, *options) as operator, Kubelet(served.api):
        operator.wait_ready()
        mine.create("model")
        mine.wait("model")
        problem = f"no permission to list shardedcheckpoints.shardwright.io in namespace {closed.name}"
        assert problem in operator.log()
        grant(served, account, closed.name, "operator", RULES)
        closed.create("model")
        closed.wait("model")
