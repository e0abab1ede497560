"""Looking after what is published: checks, rebuilds and the removal of older artifacts."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_worker.contract.reasons import Reason
from tools.testing.imagined import Imagined


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


def test_a_check_looks_at_the_commit_that_the_artifact_was_made_from() -> None:
    hub = {"huggingFace": {"repo": "org/model", "revision": "main"}}
    world = Imagined(source=hub, recheck={"interval": "1h"})
    world.to_ready()
    world.revision = "r2"  # the branch has moved
    world.later(3601)
    world.settle()
    arguments = _arguments(world)
    assert arguments[arguments.index("--revision") + 1] == "r1"
    world.requested_at = "look again"
    world.settle()
    arguments = _arguments(world)
    assert arguments[arguments.index("--revision") + 1] == "main"


def test_a_source_that_has_changed_on_its_claim_is_told_and_built_only_when_asked_for() -> None:
    world = _recheck(rebuild=True)
    before = world.status.artifact
    world.revision = "r2"
    world.later(3601)
    world.settle()
    world.succeed()
    plan = world.settle()
    assert world.ready() == ("True", Reason.SUCCEEDED)
    assert "requestedAt" in world.status.upkeep["sourceChanged"]
    assert not world.live()
    assert plan.requeue_after == 3600
    world.requested_at = "take it"
    world.to_ready()
    assert world.status.artifact is not None
    assert before is not None
    assert world.status.artifact.key != before.key
    assert "sourceChanged" not in world.status.upkeep


@pytest.mark.parametrize("reason", [Reason.SOURCE_NOT_FOUND, Reason.SOURCE_UNAVAILABLE])
def test_a_check_that_fails_takes_nothing_from_what_is_published_and_comes_again(reason: Reason) -> None:
    world = _recheck(rebuild=False)
    world.later(3601)
    for _ in range(4):
        world.settle()
        if not world.live():
            break
        world.fail(reason, "no such model")
        plan = world.settle()
        assert world.ready() == ("True", Reason.SUCCEEDED)
        assert "no such model" in world.message()
        assert world.status.condition("Stalled") is None
        assert plan.requeue_after is not None
        world.later(min(plan.requeue_after, 2000.0))
    tried = len(world.created)
    world.later(3601)
    world.settle()
    assert len(world.created) == tried + 1
    world.succeed()
    world.settle()
    assert "no such model" not in world.message()


@pytest.mark.parametrize("mounted", ["models", "models/llama", "/models/llama/"])
def test_nothing_is_pruned_while_a_pod_mounts_a_folder_above_the_artifacts(mounted: str) -> None:
    world = Imagined(output={"persistentVolumeClaim": {"claimName": "shards"}, "keep": 1})
    world.users["shards"] = (mounted,)
    world.to_ready()
    assert not world.live()
    assert "waiting" in world.status.upkeep


def test_pods_that_mount_something_else_do_not_matter_and_folders_inside_count_for_their_artifact() -> None:
    world = Imagined(output={"persistentVolumeClaim": {"claimName": "shards"}, "keep": 1})
    world.users["shards"] = ("models/llama-2/0123456789abcdef", "models/llama/aaaaaaaaaaaaaaaa/sub")
    for _ in range(2):
        world.settle()
        world.succeed()
    world.settle()
    arguments = _arguments(world)
    assert [arguments[at + 1] for at, one in enumerate(arguments) if one == "--in-use"] == ["aaaaaaaaaaaaaaaa"]


def test_a_check_while_a_pod_mounts_the_whole_volume_does_not_count_as_pruning() -> None:
    output = {"persistentVolumeClaim": {"claimName": "shards"}, "keep": 1}
    world = Imagined(output=output, recheck={"interval": "1h"})
    world.users["shards"] = ("",)
    world.to_ready()
    world.later(3601)
    world.settle()
    assert "--keep" not in _arguments(world)
    world.succeed()
    world.settle()
    assert "prunedFor" not in world.status.upkeep
    assert "waiting" in world.status.upkeep


def test_a_worker_that_says_nothing_of_pruning_is_not_asked_for_ever() -> None:
    world = Imagined(output={"persistentVolumeClaim": {"claimName": "shards"}, "keep": 1})
    answers: tuple[dict[str, Any], ...] = ({}, {}, {"upkeep": {}})
    for changes in answers:
        world.settle()
        world.succeed(**changes)
    world.settle()
    assert not world.live()
    assert len(world.created) == 3


def test_a_damaged_artifact_that_somebody_restores_is_ready_again_after_the_next_look() -> None:
    world = _recheck(rebuild=False)
    world.later(3601)
    world.settle()
    lost = set(world.published)
    world.published.clear()
    world.succeed(message="model-rank-0-part-0.safetensors is missing")
    world.settle()
    assert world.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert "model-rank-0-part-0.safetensors is missing" in world.message()
    world.later(3601)
    world.settle()
    world.succeed()
    plan = world.settle()  # still gone: nothing is built, and it is looked at again
    assert world.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert not world.live()
    assert plan.requeue_after is not None
    world.published |= lost
    world.later(plan.requeue_after + 1)
    world.settle()
    world.succeed()
    world.settle()
    assert world.ready() == ("True", Reason.SUCCEEDED)
    assert not [name for name in world.created[2:] if "-shard-" in name]


@pytest.mark.parametrize("deep", [True, False])
def test_a_look_is_cheap_unless_a_deep_one_is_asked_for(deep: bool) -> None:
    world = Imagined(recheck={"interval": "1h", "deep": deep})
    world.to_ready()
    world.later(3601)
    world.settle()
    arguments = _arguments(world)
    assert ("--deep" in arguments) == deep
    assert arguments[arguments.index("--known-fingerprint") + 1] == "f" * 64
    world.succeed()
    world.settle()
    shards = world.status.condition("ShardsComplete")
    assert shards is not None
    assert ("every byte" in shards.message) == deep


def test_a_look_that_a_person_asks_for_reads_no_source_that_nobody_has_touched() -> None:
    world = Imagined()
    world.to_ready()
    world.requested_at = "look"
    world.settle()
    arguments = _arguments(world)
    assert arguments[arguments.index("--known-fingerprint") + 1] == "f" * 64
