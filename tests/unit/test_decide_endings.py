"""However a look or a proof ends: nothing is called whole that is not, nothing is built unasked, and it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shardwright_operator.kube.observed_objects import _status
from shardwright_worker.contract.reasons import Reason
from tools.testing.imagined import Imagined

KEEP: dict[str, Any] = {"persistentVolumeClaim": {"claimName": "shards"}, "keep": 1}
OLD = "0123456789abcdef"
HUB = {"huggingFace": {"repo": "org/model"}}


def _arguments(world: Imagined) -> list[str]:
    (job,) = world.live()
    return [str(one) for one in world.bodies[job.name]["spec"]["template"]["spec"]["containers"][0]["args"]]


def _damaged(source: dict[str, Any] | None = None, **recheck: Any) -> tuple[Imagined, set[str]]:
    """A world whose artifact was found damaged, and what was published there."""
    world = Imagined(recheck={"interval": "1h", **recheck}, **({"source": source} if source else {}))
    world.to_ready()
    world.later(3601)
    world.settle()
    lost = set(world.published)
    world.published.clear()
    world.succeed()
    world.settle()
    assert world.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    return world, lost


def _no_more_shard_jobs(world: Imagined) -> bool:
    return not [name for name in world.created[2:] if "-shard-" in name]


def test_a_look_that_finds_something_else_in_its_place_takes_ready_away() -> None:
    world = Imagined(recheck={"interval": "1h"})
    world.to_ready()
    world.later(3601)
    world.settle()
    world.fail(Reason.ARTIFACT_DAMAGED, "it has no shardwright.json")
    plan = world.settle()
    assert world.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert world.status.serving is None
    assert not world.live()
    assert plan.requeue_after is not None
    world.later(plan.requeue_after + 1)
    world.settle()
    world.succeed()
    world.settle()
    assert world.ready()[0] == "True"
    assert _no_more_shard_jobs(world)


@pytest.mark.parametrize(
    "reason",
    [
        Reason.DISRUPTED,
        Reason.SOURCE_UNAVAILABLE,
        Reason.VOLUME_UNAVAILABLE,
        Reason.SOURCE_NOT_FOUND,
        Reason.ARTIFACT_DAMAGED,
    ],
)
def test_a_failed_look_for_a_restored_artifact_builds_nothing(reason: Reason) -> None:
    world, lost = _damaged()
    world.later(3601)
    world.settle()
    world.fail(reason)
    plan = world.settle()
    assert world.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    world.published |= lost
    while not world.live():
        assert plan.requeue_after is not None
        world.later(plan.requeue_after + 1)
        plan = world.settle()
    world.succeed()
    world.settle()
    assert world.ready()[0] == "True"
    assert _no_more_shard_jobs(world)


@pytest.mark.parametrize("how", ["weaker", "vanished", "changed", "lost"])
def test_a_proof_that_never_comes_ends(how: str) -> None:
    world = Imagined(verification="Digests")
    world.to_ready()
    world.edit(verification="Load")
    proofs = 0
    for _ in range(60):
        plan = world.settle()
        if plan.requeue_after:
            world.later(plan.requeue_after + 1)
            world.settle()
        if not world.live():
            break
        (job,) = world.live()
        if job.labels["shardwright.io/stage"] != "shard":
            world.succeed()
            continue
        proofs += 1
        world.verified_by = "Digests"
        if how == "vanished":
            world.running()
            world.settle()
            world.vanish(job.name)
        elif how == "changed":
            world.fail(Reason.SOURCE_CHANGED)
        else:
            world.succeed()
            if how == "lost":
                world.pods.clear()
    assert proofs <= 3
    assert world.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)


def test_looks_after_a_deep_one_are_deep() -> None:
    for ask in (lambda world: world.later(3601), lambda world: setattr(world, "requested_at", "look")):
        world, _ = _damaged(deep=True)
        ask(world)
        world.settle()
        assert "--deep" in _arguments(world)


def test_a_look_for_a_restored_artifact_looks_at_the_source_that_it_was_made_from() -> None:
    world, _ = _damaged()
    world.later(3601)
    world.settle()
    assert "--known-fingerprint" in _arguments(world)
    world, _ = _damaged(source=HUB)
    world.revision = "r2"
    world.later(3601)
    world.settle()
    arguments = _arguments(world)
    assert arguments[arguments.index("--revision") + 1] == "r1"


def test_a_build_beside_a_deep_recheck_takes_no_bytes_on_trust() -> None:
    world = Imagined(recheck={"interval": "1h", "deep": True})
    world.settle()
    world.succeed()
    world.settle()
    assert "--deep" in _arguments(world)


def test_what_was_spared_is_remembered_when_its_pruning_starts_late() -> None:
    world = Imagined(output=KEEP)
    world.published.add(OLD)
    world.users["shards"] = (f"models/llama/{OLD}",)
    world.to_ready()
    world.users.clear()
    world.settle()
    world.later(121)
    world.succeed()
    plan = world.settle()
    assert plan.requeue_after is not None
    world.later(plan.requeue_after + 1)
    world.to_ready()
    assert world.removed == [OLD]


def test_nothing_is_removed_while_a_pod_mounts_what_may_be_a_link() -> None:
    world = Imagined(output=KEEP)
    world.published.add(OLD)
    world.users["shards"] = ("models/llama/current",)
    world.to_ready()
    assert world.removed == []
    assert "waiting" in world.status.upkeep


@pytest.mark.parametrize("how", ["suspended", "failed"])
def test_nobody_polls_for_a_pruning_that_does_not_run(how: str) -> None:
    world = Imagined()
    world.to_ready()
    world.edit(output=KEEP, suspend=how == "suspended")
    plan = world.settle()
    if how == "failed":
        world.fail(Reason.VOLUME_NOT_WRITABLE, "read-only")
        plan = world.settle()
    assert plan.requeue_after is None or plan.requeue_after >= 30


def test_a_rebuild_that_is_allowed_after_the_damage_comes_with_the_next_look() -> None:
    world, _ = _damaged()
    world.edit(recheck={"interval": "1h", "rebuild": True})
    world.settle()
    world.later(3601)
    world.settle()
    world.succeed()
    world.to_ready()


def test_a_moved_source_stays_unready_while_it_fails() -> None:
    world = Imagined()
    world.to_ready()
    world.requested_at, world.revision = "look", "r2"
    world.settle()
    world.succeed()
    world.settle()
    assert world.ready()[0] == "Unknown"
    world.revision = "r3"
    world.fail(Reason.SOURCE_CHANGED)
    world.settle()
    assert world.ready() == ("False", Reason.SOURCE_CHANGED)
    world.later(60)
    world.to_ready()


def test_damage_is_found_although_the_source_has_changed() -> None:
    world = Imagined(recheck={"interval": "1h"})
    world.to_ready()
    world.revision = "r2"
    world.later(3601)
    world.settle()
    assert "--published" in _arguments(world)
    world.succeed(upkeep={"damaged": "part 0 is gone"})
    world.settle()
    assert world.ready() == ("False", Reason.ARTIFACT_DAMAGED)
    assert world.status.serving is None
    assert not world.live()


def test_a_disproven_artifact_is_not_offered_when_it_is_found_again() -> None:
    world = Imagined(verification="Digests")
    world.to_ready()
    world.edit(verification="Load")
    world.settle()
    world.fail(Reason.VERIFICATION_FAILED, "rank 1 differs")
    world.settle()
    world.requested_at = "look"
    world.settle()
    world.succeed()
    world.settle()
    assert world.status.serving is None


def test_times_that_nobody_can_reckon_with_raise_nothing() -> None:
    world = Imagined(recheck={"interval": "1h"})
    world.to_ready()
    wire = world.status.to_wire()
    wire["artifact"]["checkedAt"] = "9999-12-31t23:59:59z"
    world.status = _status(json.dumps(wire).encode())
    world.settle()
    world = Imagined(output=KEEP)
    world.to_ready()
    world.status = world.status.model_copy(update={"upkeep": {"skippedAt": "99991231T235959+00:00"}})
    world.settle()
