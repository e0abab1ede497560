"""What Ready and Verified say is what was done: a weaker proof than asked for is work to do."""

from __future__ import annotations

import itertools

import pytest

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.verification_levels import LEVELS, satisfies
from tools.testing.imagined import Imagined


@pytest.mark.parametrize(("first", "then"), list(itertools.permutations(LEVELS, 2)))
def test_a_higher_level_is_proven_on_what_is_published_and_a_lower_one_needs_nothing(first: str, then: str) -> None:
    world = Imagined(verification=first)
    world.to_ready()
    before = world.status.artifact
    assert before is not None
    world.edit(verification=then)
    world.settle()
    if satisfies(first, then):
        assert not world.live()
        assert world.ready() == ("True", Reason.SUCCEEDED)
        return
    assert world.ready() == ("Unknown", Reason.PROGRESSING)
    assert world.status.serving is not None
    (job,) = world.live()
    assert job.labels["shardwright.io/stage"] == "shard"
    world.to_ready()
    assert world.status.artifact is not None
    assert (world.status.artifact.key, world.status.artifact.verified_by) == (before.key, then)
    assert len(world.created) == 3


@pytest.mark.parametrize("level", LEVELS)
def test_the_condition_says_what_was_done_and_no_more(level: str) -> None:
    world = Imagined(verification=level)
    world.to_ready()
    verified = world.status.condition("Verified")
    assert verified is not None
    expected = ("Unknown", Reason.DIGESTS_ONLY) if level == "Digests" else ("True", Reason.SUCCEEDED)
    assert (verified.status, verified.reason) == expected
    assert ("proven" in world.message()) == (level != "Digests")


def test_an_adopted_artifact_of_a_lower_level_is_proven_before_it_is_ready() -> None:
    world = Imagined(verification="Digests")
    world.to_ready()
    world.status = world.status.model_copy(update={"artifact": None, "source": None})  # somebody has wiped it
    world.edit(verification="Generate")
    world.settle()
    world.succeed()  # prepare finds what is published
    world.settle()
    assert world.ready()[0] != "True"
    (job,) = world.live()
    assert job.labels["shardwright.io/stage"] == "shard"
    world.to_ready()
    assert world.status.artifact is not None
    assert world.status.artifact.verified_by == "Generate"


def test_a_success_with_a_weaker_proof_than_asked_for_is_no_success() -> None:
    world = Imagined()
    world.verified_by = "Digests"
    world.settle()
    world.succeed()
    world.settle()
    world.succeed()
    world.settle()
    assert world.ready()[0] != "True"
    assert world.status.last_failure is not None


def test_an_artifact_that_fails_its_later_proof_is_not_offered_any_more() -> None:
    world = Imagined(verification="Digests")
    world.to_ready()
    world.edit(verification="Load")
    world.settle()
    world.fail(Reason.VERIFICATION_FAILED, "rank 1 differs")
    world.settle()
    assert world.ready() == ("False", Reason.VERIFICATION_FAILED)
    verified = world.status.condition("Verified")
    assert verified is not None
    assert verified.status == "False"
    assert world.status.serving is None
    assert world.status.artifact is None
    assert not world.live()


def test_a_source_that_changed_is_prepared_again_before_accelerators_are_taken_again() -> None:
    world = Imagined()
    world.settle()
    world.succeed()
    world.settle()
    world.revision = "r2"
    world.fail(Reason.SOURCE_CHANGED, "model.safetensors changed")
    world.settle()
    assert world.ready() == ("False", Reason.SOURCE_CHANGED)
    world.later(3600)
    world.settle()
    (job,) = world.live()
    assert job.labels["shardwright.io/stage"] == "prepare"
    world.to_ready()
    assert world.status.source is not None
    assert world.status.source.revision == "r2"
