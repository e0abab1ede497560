"""The annotation reconcile.fluxcd.io/requestedAt: acted on once, and its removal means nothing."""

from __future__ import annotations

import pytest

from shardwright_operator.kube.observed_objects import is_settled
from shardwright_worker.contract.reasons import Reason
from tools.testing.imagined import Imagined


def test_taking_the_annotation_away_is_no_request() -> None:
    world = Imagined()
    world.requested_at = "now"
    world.to_ready()
    created = len(world.created)
    world.requested_at = None
    world.settle()
    assert world.ready() == ("True", Reason.SUCCEEDED)
    assert len(world.created) == created
    assert world.status.last_handled_reconcile_at == "now"
    assert is_settled(world.observed().resource)


def test_a_failure_stays_when_the_annotation_is_taken_away() -> None:
    world = Imagined()
    world.requested_at = "now"
    world.settle()
    world.fail(Reason.OUT_OF_MEMORY)
    world.settle()
    world.requested_at = None
    world.settle()
    assert world.status.condition("Stalled") is not None
    assert len(world.created) == 1


@pytest.mark.parametrize("words", ["2026-01-01T00:00:00Z", "please"])
def test_any_words_are_a_request_and_the_same_words_are_none(words: str) -> None:
    world = Imagined()
    world.to_ready()
    world.requested_at = words
    world.to_ready()
    assert world.status.last_handled_reconcile_at == words
    created = len(world.created)
    world.settle()
    assert len(world.created) == created


def test_a_failed_look_that_nobody_asks_for_any_more_is_left_alone() -> None:
    world = Imagined()
    world.requested_at = "a"
    world.to_ready()
    world.requested_at = "b"
    world.settle()
    world.running()
    world.requested_at = "a"
    world.settle()
    world.fail(Reason.SOURCE_UNAVAILABLE)
    world.settle()
    assert world.ready() == ("True", Reason.SUCCEEDED)
    assert not world.live()
