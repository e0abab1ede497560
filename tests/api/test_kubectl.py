"""What people do with kubectl: whichever way they do it, nothing is made twice and nothing is left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tools.cluster.api import wait_until
from tools.control_plane.plane import Plane
from tools.testing.checkpoints import KIND, LABEL, condition, holds, manifest
from tools.testing.kubectl import Kubectl, KubectlError
from tools.testing.kubelet import Kubelet
from tools.testing.namespace import Namespace
from tools.testing.operator import Operator
from tools.testing.pod_outcomes import RUNNING, SUCCESS


@dataclass(frozen=True)
class Desk:
    """A person with kubectl in a namespace."""

    namespace: Namespace
    kubectl: Kubectl
    operator: Operator

    def jobs(self, name: str) -> list[str]:
        """The names of a resource's Jobs."""
        return [job["metadata"]["name"] for job in self.namespace.jobs(name)]

    def wait(self, name: str, state: str = "Ready") -> Any:
        """`kubectl wait` for a condition, and the resource then."""
        self.kubectl.run("wait", f"{KIND}/{name}", f"--for=condition={state}", "--timeout=180s")
        return self.namespace.read(name)


@pytest.fixture(scope="module")
def desks(served: Plane) -> Iterator[tuple[Desk, Desk]]:
    """Two namespaces that one operator serves; the second may be deleted."""
    namespaces = Namespace(served.api), Namespace(served.api)
    spaces = ",".join(namespace.name for namespace in namespaces)
    options = (f"--namespaces={spaces}", "--leader-elect=false", "--retry-base=1")

    # What runs is what the test keeps running: resources whose name says so.
    def script(pod: Any) -> Any:
        return RUNNING if pod["metadata"]["labels"][LABEL].startswith("runs") else SUCCESS

    with Kubelet(served.api, script), Operator(served.kubeconfig, *options) as operator:
        operator.wait_ready()
        first, second = (Desk(one, Kubectl(served.kubeconfig, one.name), operator) for one in namespaces)
        yield first, second


@pytest.fixture
def desk(desks: tuple[Desk, Desk]) -> Desk:
    return desks[0]


def test_applying_the_same_again_changes_nothing_whichever_way(desk: Desk) -> None:
    thing = manifest("applied")
    desk.kubectl.apply(thing)
    before, jobs = desk.wait("applied"), desk.jobs("applied")
    assert "unchanged" in desk.kubectl.apply(thing)
    desk.kubectl.apply(thing, flags=("--server-side", "--force-conflicts"))
    desk.kubectl.apply(thing, flags=("--server-side",))
    after = desk.wait("applied")
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])
    assert desk.jobs("applied") == jobs


def test_server_side_apply_never_conflicts_with_the_operator(desk: Desk) -> None:
    desk.kubectl.apply(manifest("owned"), flags=("--server-side",))
    desk.wait("owned")
    # Without force: whatever the operator owned of this, kubectl would complain.
    desk.kubectl.apply(manifest("owned", verification="Digests"), flags=("--server-side",))
    assert desk.wait("owned")["spec"]["verification"] == "Digests"


def test_replacing_keeps_the_status_and_starts_nothing(desk: Desk) -> None:
    desk.kubectl.apply(manifest("replaced"))
    before, jobs = desk.wait("replaced"), desk.jobs("replaced")
    desk.kubectl.run("replace", "--filename=-", text=_text(manifest("replaced")))
    after = desk.wait("replaced")
    assert (after["metadata"]["uid"], after["status"]) == (before["metadata"]["uid"], before["status"])
    assert desk.jobs("replaced") == jobs


def test_replacing_by_force_finds_the_artifact_again(desk: Desk) -> None:
    desk.kubectl.apply(manifest("forced"))
    before = desk.wait("forced")
    desk.kubectl.run("replace", "--force", "--filename=-", text=_text(manifest("forced")))
    after = desk.wait("forced")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["status"]["artifact"]["path"] == before["status"]["artifact"]["path"]
    wait_until(lambda: len(desk.jobs("forced")) == 1, "the earlier resource's Jobs being gone", 60)
    assert "-prepare-" in desk.jobs("forced")[0], "no accelerator is used for what is published"


def test_an_edit_builds_another_artifact_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.kubectl.apply(manifest("edited"))
    before = desk.wait("edited")
    monkeypatch.setenv("KUBE_EDITOR", "sed -i s/tensorParallelSize:.2$/tensorParallelSize:\\ 4/")
    desk.kubectl.run("edit", KIND, "edited")
    after = desk.wait("edited")
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert after["status"]["artifact"]["tensorParallelSize"] == 4
    assert after["status"]["artifact"]["path"] != before["status"]["artifact"]["path"]
    assert len(desk.jobs("edited")) == 4


def test_wait_does_not_take_an_earlier_generation_for_this_one(desk: Desk) -> None:
    desk.kubectl.apply(manifest("runs-late"))
    with pytest.raises(KubectlError, match="timed out"):
        desk.kubectl.run("wait", f"{KIND}/runs-late", "--for=condition=Ready", "--timeout=2s")
    desk.kubectl.run("wait", f"{KIND}/runs-late", "--for=condition=Reconciling", "--timeout=60s")
    assert condition(desk.namespace.read("runs-late"), "Ready")["status"] == "Unknown"


def test_deleting_in_the_foreground_waits_for_the_jobs(desk: Desk) -> None:
    desk.kubectl.apply(manifest("runs-foreground"))
    wait_until(lambda: bool(desk.jobs("runs-foreground")), "the Job", 60)
    desk.kubectl.delete(KIND, "runs-foreground", "--cascade=foreground", "--timeout=120s")
    assert desk.jobs("runs-foreground") == []
    _assert_quiet(desk, "runs-foreground", [])


def test_deleting_without_the_jobs_leaves_them_alone_and_makes_no_other(desk: Desk) -> None:
    desk.kubectl.apply(manifest("runs-orphaned"))
    wait_until(lambda: bool(desk.jobs("runs-orphaned")), "the Job", 60)
    jobs = desk.jobs("runs-orphaned")
    desk.kubectl.delete(KIND, "runs-orphaned", "--cascade=orphan", "--timeout=120s")
    _assert_quiet(desk, "runs-orphaned", jobs)
    assert "ownerReferences" not in desk.namespace.jobs("runs-orphaned")[0]["metadata"]


def test_a_resource_of_the_same_name_is_not_in_the_way_of_an_orphan(desk: Desk) -> None:
    desk.kubectl.apply(manifest("runs-again"))
    wait_until(lambda: bool(desk.jobs("runs-again")), "the Job", 60)
    orphans = desk.jobs("runs-again")
    desk.kubectl.delete(KIND, "runs-again", "--cascade=orphan", "--timeout=120s")
    desk.kubectl.apply(manifest("runs-again"))
    wait_until(lambda: len(desk.jobs("runs-again")) == 2, "the new resource's own Job", 60)
    assert set(orphans) < set(desk.jobs("runs-again"))


def test_a_deleted_namespace_takes_everything_along_and_the_other_is_served_on(desks: tuple[Desk, Desk]) -> None:
    other, doomed = desks
    for name in ("ready", "runs"):
        doomed.kubectl.apply(manifest(name))
    doomed.wait("ready")
    wait_until(lambda: bool(doomed.jobs("runs")), "the Job", 60)
    other.kubectl.run("delete", "namespace", doomed.namespace.name, "--timeout=180s")
    other.kubectl.apply(manifest("afterwards"))
    assert holds(other.wait("afterwards"), "Ready")
    assert other.operator.running


def _text(thing: Any) -> str:
    return json.dumps(thing)


def _assert_quiet(desk: Desk, name: str, jobs: list[str]) -> None:
    """The operator has worked on what came later, and has not touched this."""
    later = f"after-{name.removeprefix('runs-')}"
    desk.kubectl.apply(manifest(later))
    desk.wait(later)
    assert desk.jobs(name) == jobs
