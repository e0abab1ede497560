"""Nothing that is mounted, named by another resource, or not looked at is ever removed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright_operator.api.maintenance_status import Maintenance
from shardwright_operator.api.output_folder import is_inside, normalized
from shardwright_operator.decide.observed import Neighbor
from shardwright_operator.decide.pruning import MOUNTS_INTERVAL, WINDOW, artifacts_in_use
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import START

OLD = "0123456789abcdef"
KEEP_ONE: dict[str, Any] = {"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1}


def _with_an_older_one(**parts: Any) -> FakeNamespace:
    """A namespace in which a pod mounts an older artifact, and the pruning that spared it is done."""
    namespace = FakeNamespace(output=KEEP_ONE, **parts)
    namespace.worker.published.add(OLD)
    namespace.users["shards"] = (f"models/llama/{OLD}",)
    namespace.run_to_ready()
    assert namespace.worker.removed == []
    assert namespace.status.maintenance.last_pruned is not None
    assert namespace.status.maintenance.last_pruned.in_use == [OLD]
    return namespace


def _arguments(namespace: FakeNamespace) -> list[str]:
    (job,) = namespace.live_jobs()
    return [str(one) for one in namespace.bodies[job.name]["spec"]["template"]["spec"]["containers"][0]["args"]]


def _look(namespace: FakeNamespace, how: str) -> None:
    if how == "recheck":
        namespace.advance(3601)
    else:
        namespace.requested_at = "look"
    namespace.settle()


@pytest.mark.parametrize("how", ["recheck", "request"])
def test_who_looks_after_an_artifact_removes_nothing(how: str) -> None:
    namespace = _with_an_older_one(recheck={"interval": "1h"})
    _look(namespace, how)
    assert "--history-limit" not in _arguments(namespace)
    namespace.succeed()
    namespace.settle()
    assert namespace.worker.removed == []


def test_what_was_spared_goes_once_nobody_mounts_it() -> None:
    namespace = _with_an_older_one()
    plan = namespace.settle()
    assert plan.requeue_after == MOUNTS_INTERVAL
    assert OLD in str(namespace.status.maintenance.blocked_reason)
    namespace.users.clear()
    namespace.run_to_ready()
    assert namespace.worker.removed == [OLD]
    assert namespace.settle().requeue_after is None
    assert namespace.status.maintenance.last_pruned is not None
    assert namespace.status.maintenance.last_pruned.in_use == []
    assert namespace.status.maintenance.blocked_reason is None


def test_a_pruning_job_that_waits_is_replaced_when_a_pod_mounts_something_meanwhile() -> None:
    namespace = FakeNamespace(output=KEEP_ONE)
    namespace.worker.published.add(OLD)
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    plan = namespace.settle()
    assert "--in-use" not in _arguments(namespace)
    assert plan.requeue_after is not None
    assert plan.requeue_after <= 5
    namespace.users["shards"] = (f"models/llama/{OLD}",)
    namespace.settle()
    assert OLD in _arguments(namespace)
    namespace.run_to_ready()
    assert namespace.worker.removed == []


@pytest.mark.parametrize("mounted", ["", ".", "models", "models/llama", "../models"])
def test_a_pruning_job_that_waits_is_taken_back_when_a_pod_mounts_more_than_an_artifact(mounted: str) -> None:
    namespace = FakeNamespace(output=KEEP_ONE)
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    namespace.settle()
    assert namespace.live_jobs()
    namespace.users["shards"] = (mounted,)
    namespace.settle()
    assert not namespace.live_jobs()
    assert namespace.ready()[0] == "True"


def test_a_pruning_job_that_starts_late_removes_nothing_and_is_tried_again_later() -> None:
    namespace = FakeNamespace(output=KEEP_ONE)
    namespace.worker.published.add(OLD)
    for _ in range(2):
        namespace.settle()
        namespace.succeed()
    namespace.settle()
    namespace.advance(WINDOW.total_seconds() + 1)
    namespace.succeed()
    plan = namespace.settle()
    assert not namespace.live_jobs()
    assert namespace.worker.removed == []
    assert plan.requeue_after is not None
    namespace.advance(plan.requeue_after)
    namespace.run_to_ready()
    assert namespace.worker.removed == [OLD]


def test_nothing_is_removed_where_the_folders_of_two_resources_overlap() -> None:
    namespace = FakeNamespace(output=KEEP_ONE)
    namespace.worker.published.add(OLD)
    namespace.neighbors = (Neighbor("younger", "uid-2", START.replace(year=2027), "models/llama"),)
    namespace.run_to_ready()
    assert len(namespace.created) == 2
    assert "younger" in str(namespace.status.maintenance.blocked_reason)
    namespace.neighbors = ()
    namespace.run_to_ready()
    assert namespace.worker.removed == [OLD]


@pytest.mark.parametrize("path", ["", "models/llama", "models/llama/"])
@pytest.mark.parametrize(
    "mounted",
    [
        f"models/llama/{OLD}",
        f"./models/llama/{OLD}",
        f"models//llama/{OLD}/",
        f"/models/./llama/{OLD}/tokenizer",
        f"models/x/../llama/{OLD}",
    ],
)
def test_a_mounted_artifact_is_known_however_its_path_is_spelled(path: str, mounted: str) -> None:
    namespace = FakeNamespace(output={**KEEP_ONE, **({"path": path} if path else {})})
    namespace.run_to_ready()
    namespace.users["shards"] = (mounted,)
    namespace.status = namespace.status.model_copy(update={"maintenance": Maintenance()})
    observed = namespace.observed()
    assert observed.resource.spec is not None
    assert artifacts_in_use(observed, observed.resource.spec) == [OLD]


def test_nobody_has_looked_is_not_nobody_mounts_anything() -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    observed = namespace.observed()
    assert observed.claim_users is None
    assert observed.resource.spec is not None
    assert artifacts_in_use(observed, observed.resource.spec) is None


_PARTS = st.lists(st.sampled_from(["a", "b", ".", "", "..", "c"]), max_size=6)


@given(_PARTS, _PARTS)
def test_paths_are_compared_by_where_they_lead(one: list[str], other: list[str]) -> None:
    path, folder = normalized("/".join(one)), normalized("/".join(other))
    assert normalized(path) == path
    there, above = [part for part in path.split("/") if part], [part for part in folder.split("/") if part]
    assert is_inside(path, folder) == (there[: len(above)] == above)
