"""Looking after what is published: checks, rebuilds and the removal of older artifacts."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_worker.contract.reasons import Reason
from tests.harness.imagined import Imagined


def _recheck(rebuild: bool) -> Imagined:
    world = Imagined(recheck={"interval": "1h", "rebuild": rebuild})
    world.to_ready()
    return world


def test_nothing_is_checked_before_it_is_time_and_ready_stays_true_while_it_is() -> None:
    world = _recheck(False)
    plan = world.settle()
    assert not world.live()
    assert plan.requeue_after is not None
    world.later(3601)
    world.settle()
    assert world.ready() == ("True", "Succeeded")
    (job,) = world.live()
    assert job.labels["shardwright.io/stage"] == "prepare"
    world.succeed()
    world.settle()
    assert not world.live()
    assert world.ready() == ("True", "Succeeded")


def test_a_damaged_artifact_is_not_ready_and_waits_for_a_person() -> None:
    world = _recheck(False)
    world.later(3601)
    world.settle()
    world.published.clear()
    world.succeed()
    world.settle()
    assert world.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert world.status.artifact is None
    assert not world.live()
    world.requested_at = "rebuild it"
    world.to_ready()


def test_a_damaged_artifact_is_built_anew_if_the_spec_says_so() -> None:
    world = _recheck(True)
    world.later(3601)
    world.settle()
    world.published.clear()
    world.succeed()
    world.settle()
    assert world.ready()[0] != "True"
    world.to_ready()


def _arguments(world: Imagined) -> list[str]:
    (job,) = world.live()
    arguments: list[Any] = world.bodies[job.name]["spec"]["template"]["spec"]["containers"][0]["args"]
    return [str(one) for one in arguments]


def test_older_artifacts_are_pruned_after_a_new_one_but_not_those_in_use() -> None:
    world = Imagined()
    world.edit(output={"persistentVolumeClaim": {"claimName": "shards"}, "keep": 1})
    world.users["shards"] = ("models/llama/0123456789abcdef",)
    for _ in range(2):
        world.settle()
        world.succeed()
    world.settle()
    assert world.ready() == ("True", "Succeeded")
    arguments = _arguments(world)
    assert world.status.artifact is not None
    assert arguments[arguments.index("--published") + 1] == world.status.artifact.key
    assert arguments[arguments.index("--in-use") + 1] == "0123456789abcdef"
    world.succeed()
    world.settle()
    assert not world.live()
    assert world.status.upkeep["prunedFor"].startswith(world.status.artifact.key)


def test_nothing_is_pruned_while_a_pod_mounts_the_whole_volume() -> None:
    world = Imagined(output={"persistentVolumeClaim": {"claimName": "shards"}, "keep": 1})
    world.users["shards"] = ("",)
    for _ in range(2):
        world.settle()
        world.succeed()
    plan = world.settle()
    assert not world.live()
    assert "subPath" in world.status.upkeep["waiting"]
    assert plan.requeue_after is not None
    world.users.clear()
    world.later(plan.requeue_after)
    world.settle()
    assert "--keep" in _arguments(world)
    world.succeed()
    world.settle()
    assert "waiting" not in world.status.upkeep


@pytest.mark.parametrize("seconds", [1, 7200])
def test_an_artifact_without_upkeep_is_left_alone(seconds: int) -> None:
    world = Imagined()
    world.to_ready()
    world.later(seconds)
    plan = world.settle()
    assert plan.requeue_after is None
    assert len(world.created) == 2
