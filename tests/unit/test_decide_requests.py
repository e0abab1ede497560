"""The annotation reconcile.fluxcd.io/requestedAt: acted on once, and its removal means nothing."""

from __future__ import annotations

import pytest

from shardwright_operator.kube.observed_resource import is_settled
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace


def test_taking_the_annotation_away_is_no_request() -> None:
    namespace = FakeNamespace()
    namespace.requested_at = "now"
    namespace.run_to_ready()
    created = len(namespace.created)
    namespace.requested_at = None
    namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    assert len(namespace.created) == created
    assert namespace.status.last_handled_reconcile_at == "now"
    assert is_settled(namespace.observed().resource)


def test_a_failure_stays_when_the_annotation_is_taken_away() -> None:
    namespace = FakeNamespace()
    namespace.requested_at = "now"
    namespace.settle()
    namespace.fail(Reason.OUT_OF_MEMORY)
    namespace.settle()
    namespace.requested_at = None
    namespace.settle()
    assert namespace.status.condition("Stalled") is not None
    assert len(namespace.created) == 1


@pytest.mark.parametrize("words", ["2026-01-01T00:00:00Z", "please"])
def test_any_words_are_a_request_and_the_same_words_are_none(words: str) -> None:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    namespace.requested_at = words
    namespace.run_to_ready()
    assert namespace.status.last_handled_reconcile_at == words
    created = len(namespace.created)
    namespace.settle()
    assert len(namespace.created) == created


def test_a_failed_look_that_nobody_asks_for_any_more_is_left_alone() -> None:
    namespace = FakeNamespace()
    namespace.requested_at = "a"
    namespace.run_to_ready()
    namespace.requested_at = "b"
    namespace.settle()
    namespace.start_job()
    namespace.requested_at = "a"
    namespace.settle()
    namespace.fail(Reason.SOURCE_UNAVAILABLE)
    namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    assert not namespace.live_jobs()
