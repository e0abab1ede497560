"""What users do with kubectl: apply, replace, edit, wait and delete create nothing twice and leave nothing behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tools.cluster.api import wait_until
from tools.control_plane.control_plane import ControlPlane
from tools.testing.checkpoints import KIND, LABEL, condition, holds, manifest
from tools.testing.kubectl import Kubectl, KubectlError
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace
from tools.testing.operator import Operator
from tools.testing.pod_outcomes import RUNNING, SUCCESS


@dataclass(frozen=True)
class Workspace:
    """kubectl in a namespace."""

    namespace: Namespace
    kubectl: Kubectl
    operator: Operator

    def jobs(self, name: str) -> list[str]:
        """Return the names of a resource's Jobs."""
        return [job["metadata"]["name"] for job in self.namespace.jobs(name)]

    def wait(self, name: str, state: str = "Ready") -> Any:
        """Wait for a condition with `kubectl wait`. Return the resource."""
        self.kubectl.run("wait", f"{KIND}/{name}", f"--for=condition={state}", "--timeout=180s")
        return self.namespace.read(name)


@pytest.fixture(scope="module")
def workspaces(served: ControlPlane) -> Iterator[tuple[Workspace, Workspace]]:
    """Two namespaces that one operator serves; the second may be deleted."""
    namespaces = Namespace(served.api), Namespace(served.api)
    spaces = ",".join(namespace.name for namespace in namespaces)
    options = (f"--namespaces={spaces}", "--leader-elect=false", "--retry-base=1")

    # Pods of resources whose name starts with "runs" do not end.
    def script(pod: Any) -> Any:
        return RUNNING if pod["metadata"]["labels"][LABEL].startswith("runs") else SUCCESS

    with Kubelet(served.api, script), Operator(served.kubeconfig, *options) as operator:
        operator.wait_ready()
        first, second = (Workspace(one, Kubectl(served.kubeconfig, one.name), operator) for one in namespaces)
        yield first, second


@pytest.fixture
def workspace(workspaces: tuple[Workspace, Workspace]) -> Workspace:
    return workspaces[0]


def test_applying_the_same_manifest_again_changes_nothing(workspace: Workspace) -> None:
    thing = manifest("applied")
    workspace.kubectl.apply(thing)
    before, jobs = workspace.wait("applied"), workspace.jobs("applied")
    assert "unchanged" in workspace.kubectl.apply(thing)
    workspace.kubectl.apply(thing, flags=("--server-side", "--force-conflicts"))
    workspace.kubectl.apply(thing, flags=("--server-side",))
    after = workspace.wait("applied")
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])
    assert workspace.jobs("applied") == jobs


def test_server_side_apply_never_conflicts_with_the_operator(workspace: Workspace) -> None:
    workspace.kubectl.apply(manifest("owned"), flags=("--server-side",))
    workspace.wait("owned")
    # Without force: whatever the operator owned of this, kubectl would complain.
    workspace.kubectl.apply(manifest("owned", verification="Digests"), flags=("--server-side",))
    assert workspace.wait("owned")["spec"]["verification"] == "Digests"


def test_replacing_keeps_the_status_and_starts_nothing(workspace: Workspace) -> None:
    workspace.kubectl.apply(manifest("replaced"))
    before, jobs = workspace.wait("replaced"), workspace.jobs("replaced")
    workspace.kubectl.run("replace", "--filename=-", text=_text(manifest("replaced")))
    after = workspace.wait("replaced")
    assert (after["metadata"]["uid"], after["status"]) == (before["metadata"]["uid"], before["status"])
    assert workspace.jobs("replaced") == jobs


def test_replacing_by_force_finds_the_artifact_again(workspace: Workspace) -> None:
    workspace.kubectl.apply(manifest("forced"))
    before = workspace.wait("forced")
    workspace.kubectl.run("replace", "--force", "--filename=-", text=_text(manifest("forced")))
    after = workspace.wait("forced")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["status"]["artifact"]["path"] == before["status"]["artifact"]["path"]
    wait_until(lambda: len(workspace.jobs("forced")) == 1, "the earlier resource's Jobs being gone", 60)
    assert "-prepare-" in workspace.jobs("forced")[0], "no accelerator is used for what is published"


def test_an_edit_builds_another_artifact_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.kubectl.apply(manifest("edited"))
    before = workspace.wait("edited")
    monkeypatch.setenv("KUBE_EDITOR", "sed -i s/tensorParallelSize:.2$/tensorParallelSize:\\ 4/")
    workspace.kubectl.run("edit", KIND, "edited")
    after = workspace.wait("edited")
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert after["status"]["artifact"]["tensorParallelSize"] == 4
    assert after["status"]["artifact"]["path"] != before["status"]["artifact"]["path"]
    assert len(workspace.jobs("edited")) == 4


def test_wait_does_not_accept_an_earlier_generation(workspace: Workspace) -> None:
    workspace.kubectl.apply(manifest("runs-late"))
    with pytest.raises(KubectlError, match="timed out"):
        workspace.kubectl.run("wait", f"{KIND}/runs-late", "--for=condition=Ready", "--timeout=2s")
    workspace.kubectl.run("wait", f"{KIND}/runs-late", "--for=condition=Reconciling", "--timeout=60s")
    assert condition(workspace.namespace.read("runs-late"), "Ready")["status"] == "Unknown"


def test_deleting_in_the_foreground_waits_for_the_jobs(workspace: Workspace) -> None:
    workspace.kubectl.apply(manifest("runs-foreground"))
    wait_until(lambda: bool(workspace.jobs("runs-foreground")), "the Job", 60)
    workspace.kubectl.delete(KIND, "runs-foreground", "--cascade=foreground", "--timeout=120s")
    assert workspace.jobs("runs-foreground") == []
    _assert_quiet(workspace, "runs-foreground", [])


def test_deleting_with_orphaned_jobs_leaves_them_and_creates_none(workspace: Workspace) -> None:
    workspace.kubectl.apply(manifest("runs-orphaned"))
    wait_until(lambda: bool(workspace.jobs("runs-orphaned")), "the Job", 60)
    jobs = workspace.jobs("runs-orphaned")
    workspace.kubectl.delete(KIND, "runs-orphaned", "--cascade=orphan", "--timeout=120s")
    _assert_quiet(workspace, "runs-orphaned", jobs)
    assert "ownerReferences" not in workspace.namespace.jobs("runs-orphaned")[0]["metadata"]


def test_a_new_resource_of_the_same_name_ignores_orphaned_jobs(workspace: Workspace) -> None:
    workspace.kubectl.apply(manifest("runs-again"))
    wait_until(lambda: bool(workspace.jobs("runs-again")), "the Job", 60)
    orphans = workspace.jobs("runs-again")
    workspace.kubectl.delete(KIND, "runs-again", "--cascade=orphan", "--timeout=120s")
    workspace.kubectl.apply(manifest("runs-again"))
    wait_until(lambda: len(workspace.jobs("runs-again")) == 2, "the new resource's own Job", 60)
    assert set(orphans) < set(workspace.jobs("runs-again"))


def test_after_a_namespace_is_deleted_the_other_is_still_reconciled(workspaces: tuple[Workspace, Workspace]) -> None:
    other, deleted = workspaces
    for name in ("ready", "runs"):
        deleted.kubectl.apply(manifest(name))
    deleted.wait("ready")
    wait_until(lambda: bool(deleted.jobs("runs")), "the Job", 60)
    other.kubectl.run("delete", "namespace", deleted.namespace.name, "--timeout=180s")
    other.kubectl.apply(manifest("afterwards"))
    assert holds(other.wait("afterwards"), "Ready")
    assert other.operator.running


def _text(thing: Any) -> str:
    return json.dumps(thing)


def _assert_quiet(workspace: Workspace, name: str, jobs: list[str]) -> None:
    """Assert that the operator, which has handled a later resource, has not changed the Jobs of this one."""
    later = f"after-{name.removeprefix('runs-')}"
    workspace.kubectl.apply(manifest(later))
    workspace.wait(later)
    assert workspace.jobs(name) == jobs
