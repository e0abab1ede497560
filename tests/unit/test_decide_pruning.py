"""Nothing that is mounted, named by another resource, or not looked at is ever removed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright_operator.decide.observed import Neighbor
from shardwright_operator.decide.pruning import LOOK_AFTER, WINDOW, artifacts_in_use, is_inside, normalized
from tools.testing.imagined import START, Imagined

OLD = "0123456789abcdef"
KEEP_ONE: dict[str, Any] = {"persistentVolumeClaim": {"claimName": "shards"}, "keep": 1}


def _with_an_older_one(**parts: Any) -> Imagined:
    """A world in which a pod mounts an older artifact, and the pruning that spared it is done."""
    world = Imagined(output=KEEP_ONE, **parts)
    world.published.add(OLD)
    world.users["shards"] = (f"models/llama/{OLD}",)
    world.to_ready()
    assert world.removed == []
    assert world.status.upkeep["spared"] == OLD
    return world


def _arguments(world: Imagined) -> list[str]:
    (job,) = world.live()
    return [str(one) for one in world.bodies[job.name]["spec"]["template"]["spec"]["containers"][0]["args"]]


def _look(world: Imagined, how: str) -> None:
    if how == "recheck":
        world.later(3601)
    else:
        world.requested_at = "look"
    world.settle()


@pytest.mark.parametrize("how", ["recheck", "request"])
def test_who_looks_after_an_artifact_removes_nothing(how: str) -> None:
    world = _with_an_older_one(recheck={"interval": "1h"})
    _look(world, how)
    assert "--keep" not in _arguments(world)
    world.succeed()
    world.settle()
    assert world.removed == []


def test_what_was_spared_goes_once_nobody_mounts_it() -> None:
    world = _with_an_older_one()
    plan = world.settle()
    assert plan.requeue_after == LOOK_AFTER
    assert OLD in world.status.upkeep["waiting"]
    world.users.clear()
    world.to_ready()
    assert world.removed == [OLD]
    assert world.settle().requeue_after is None
    assert not {"spared", "waiting"} & world.status.upkeep.keys()


def test_a_pruning_job_that_waits_is_replaced_when_a_pod_mounts_something_meanwhile() -> None:
    world = Imagined(output=KEEP_ONE)
    world.published.add(OLD)
    for _ in range(2):
        world.settle()
        world.succeed()
    plan = world.settle()
    assert "--in-use" not in _arguments(world)
    assert plan.requeue_after is not None
    assert plan.requeue_after <= 5
    world.users["shards"] = (f"models/llama/{OLD}",)
    world.settle()
    assert OLD in _arguments(world)
    world.to_ready()
    assert world.removed == []


@pytest.mark.parametrize("mounted", ["", ".", "models", "models/llama", "../models"])
def test_a_pruning_job_that_waits_is_taken_back_when_a_pod_mounts_more_than_an_artifact(mounted: str) -> None:
    world = Imagined(output=KEEP_ONE)
    for _ in range(2):
        world.settle()
        world.succeed()
    world.settle()
    assert world.live()
    world.users["shards"] = (mounted,)
    world.settle()
    assert not world.live()
    assert world.ready()[0] == "True"


def test_a_pruning_job_that_starts_late_removes_nothing_and_is_tried_again_later() -> None:
    world = Imagined(output=KEEP_ONE)
    world.published.add(OLD)
    for _ in range(2):
        world.settle()
        world.succeed()
    world.settle()
    world.later(WINDOW.total_seconds() + 1)
    world.succeed()
    plan = world.settle()
    assert not world.live()
    assert world.removed == []
    assert plan.requeue_after is not None
    world.later(plan.requeue_after)
    world.to_ready()
    assert world.removed == [OLD]


def test_nothing_is_removed_where_the_folders_of_two_resources_overlap() -> None:
    world = Imagined(output=KEEP_ONE)
    world.published.add(OLD)
    world.neighbors = (Neighbor("younger", "uid-2", START.replace(year=2027), "models/llama"),)
    world.to_ready()
    assert len(world.created) == 2
    assert "younger" in world.status.upkeep["waiting"]
    world.neighbors = ()
    world.to_ready()
    assert world.removed == [OLD]


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
    world = Imagined(output={**KEEP_ONE, **({"path": path} if path else {})})
    world.to_ready()
    world.users["shards"] = (mounted,)
    world.status = world.status.model_copy(update={"upkeep": {}})
    observed = world.observed()
    assert observed.resource.spec is not None
    assert artifacts_in_use(observed, observed.resource.spec) == [OLD]


def test_nobody_has_looked_is_not_nobody_mounts_anything() -> None:
    world = Imagined()
    world.to_ready()
    observed = world.observed()
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
