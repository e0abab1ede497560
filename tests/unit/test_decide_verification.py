"""What Ready and Verified say is what was done: a weaker proof than asked for is work to do."""

from __future__ import annotations

import itertools

import pytest

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.verification_levels import LEVELS, satisfies
from tools.testing.fake_namespace import FakeNamespace


@pytest.mark.parametrize(("first", "then"), list(itertools.permutations(LEVELS, 2)))
def test_a_higher_level_is_proven_on_what_is_published_and_a_lower_one_needs_nothing(first: str, then: str) -> None:
    namespace = FakeNamespace(verification=first)
    namespace.run_to_ready()
    before = namespace.status.artifact
    assert before is not None
    namespace.edit(verification=then)
    namespace.settle()
    if satisfies(first, then):
        assert not namespace.live_jobs()
        assert namespace.ready() == ("True", Reason.SUCCEEDED)
        return
    assert namespace.ready() == ("Unknown", Reason.PROGRESSING)
    assert namespace.status.serving is not None
    (job,) = namespace.live_jobs()
    assert job.labels["shardwright.io/stage"] == "shard"
    namespace.run_to_ready()
    assert namespace.status.artifact is not None
    assert (namespace.status.artifact.key, namespace.status.artifact.verified_by) == (before.key, then)
    assert len(namespace.created) == 3


@pytest.mark.parametrize("level", LEVELS)
def test_the_condition_says_what_was_done_and_no_more(level: str) -> None:
    namespace = FakeNamespace(verification=level)
    namespace.run_to_ready()
    verified = namespace.status.condition("Verified")
    assert verified is not None
    expected = ("Unknown", Reason.DIGESTS_ONLY) if level == "Digests" else ("True", Reason.SUCCEEDED)
    assert (verified.status, verified.reason) == expected
    assert ("proven" in namespace.message()) == (level != "Digests")


def test_an_adopted_artifact_of_a_lower_level_is_proven_before_it_is_ready() -> None:
    namespace = FakeNamespace(verification="Digests")
    namespace.run_to_ready()
    namespace.status = namespace.status.model_copy(update={"artifact": None, "source": None})  # somebody has wiped it
    namespace.edit(verification="Generate")
    namespace.settle()
    namespace.succeed()  # prepare finds what is published
    namespace.settle()
    assert namespace.ready()[0] != "True"
    (job,) = namespace.live_jobs()
    assert job.labels["shardwright.io/stage"] == "shard"
    namespace.run_to_ready()
    assert namespace.status.artifact is not None
    assert namespace.status.artifact.verified_by == "Generate"


def test_a_success_with_a_weaker_proof_than_asked_for_is_no_success() -> None:
    namespace = FakeNamespace()
    namespace.worker.verified_by = "Digests"
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.ready()[0] != "True"
    assert namespace.status.last_failure is not None


def test_an_artifact_that_fails_its_later_proof_is_not_offered_any_more() -> None:
    namespace = FakeNamespace(verification="Digests")
    namespace.run_to_ready()
    namespace.edit(verification="Load")
    namespace.settle()
    namespace.fail(Reason.VERIFICATION_FAILED, "rank 1 differs")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.VERIFICATION_FAILED)
    verified = namespace.status.condition("Verified")
    assert verified is not None
    assert verified.status == "False"
    assert namespace.status.serving is None
    assert namespace.status.artifact is None
    assert not namespace.live_jobs()


def test_a_source_that_changed_is_prepared_again_before_accelerators_are_taken_again() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.worker.revision = "r2"
    namespace.fail(Reason.SOURCE_CHANGED, "model.safetensors changed")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.SOURCE_CHANGED)
    namespace.advance(3600)
    namespace.settle()
    (job,) = namespace.live_jobs()
    assert job.labels["shardwright.io/stage"] == "prepare"
    namespace.run_to_ready()
    assert namespace.status.source is not None
    assert namespace.status.source.revision == "r2"
