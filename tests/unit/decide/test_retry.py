"""Whether and when a failed stage runs again, and what resets its failures."""

from __future__ import annotations

import re
from typing import Any

import pytest

from shardwright_operator.decide.retry import backoff
from shardwright_worker.contract.reasons import MEANINGS, Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import CONFIG

WORKERS = [reason for reason, meaning in MEANINGS.items() if meaning.exit_code and reason != Reason.DISRUPTED]


@pytest.mark.parametrize("reason", [one for one in WORKERS if not MEANINGS[one].retry])
def test_a_permanent_failure_stops_until_something_changes(reason: Reason) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.fail(reason)
    plan = namespace.settle()
    assert namespace.ready() == ("False", reason)
    assert namespace.status.condition("Stalled") is not None
    assert namespace.status.condition("Reconciling") is None
    assert plan.requeue_after is None
    namespace.advance(1e6)
    namespace.settle()
    assert len(namespace.created) == 1
    assert namespace.outcome_events() == [("Warning", reason)]


@pytest.mark.parametrize("reason", [one for one in WORKERS if MEANINGS[one].retry])
def test_a_transient_failure_is_tried_again_and_then_given_up(reason: Reason) -> None:
    namespace = FakeNamespace(job={"maxAttempts": 2})
    namespace.settle()
    namespace.fail(reason)
    plan = namespace.settle()
    assert namespace.ready() == ("False", reason)
    assert plan.requeue_after is not None
    assert namespace.status.condition("Reconciling") is not None
    namespace.advance(plan.requeue_after + 1)
    namespace.settle()
    namespace.fail(reason, "again")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.ATTEMPTS_EXHAUSTED)
    assert "again" in namespace.message()
    assert [one.attempt for one in namespace.status.failed_attempts] == [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"engine": {"tensorParallelSize": 4}},
        {"source": {"persistentVolumeClaim": {"claimName": "models", "path": "other"}}},
        {"job": {"resources": {"limits": {"memory": "9Gi"}}}},
        {"verification": "Digests"},
        {},
    ],
)
def test_what_resets_a_permanent_failure(change: dict[str, Any]) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.fail(Reason.OUT_OF_MEMORY)
    namespace.settle()
    if change:
        namespace.edit(**change)
    else:
        namespace.requested_at = "please"
    namespace.run_to_ready()
    assert namespace.status.last_failure is None


def test_disruptions_do_not_count() -> None:
    namespace = FakeNamespace(job={"maxAttempts": 1})
    namespace.settle()
    for _ in range(3):
        namespace.exit_without_report(143)
        plan = namespace.settle()
        assert namespace.ready() == ("False", Reason.DISRUPTED)
        assert plan.requeue_after is not None
        namespace.advance(plan.requeue_after + 1)
        namespace.settle()
    namespace.run_to_ready()


def test_backoff_doubles_to_a_limit_with_a_jitter_that_stays_the_same() -> None:
    pauses = [backoff(CONFIG, number, f"uid/{number}") for number in range(1, 12)]
    assert pauses == [backoff(CONFIG, number, f"uid/{number}") for number in range(1, 12)]
    assert all(
        CONFIG.retry_base * 2**i <= pause <= 1.25 * CONFIG.retry_base * 2**i for i, pause in enumerate(pauses[:6])
    )
    assert pauses[-1] <= 1.25 * CONFIG.retry_cap


@pytest.mark.parametrize("reason", [one for one in MEANINGS if MEANINGS[one].exit_code and not MEANINGS[one].retry])
@pytest.mark.parametrize("message", ["it broke", "it broke.", "did it break?", "it broke..", ""])
def test_advice_follows_the_message_of_the_worker_in_whole_sentences(reason: Reason, message: str) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.fail(reason, message)
    namespace.settle()
    shown = namespace.message()
    assert not re.search(r"[.?!;:,][.;:,]", shown)
    assert MEANINGS[reason].advice.rstrip(".") in shown
    assert "requestedAt" in shown


def test_advice_in_the_message_of_the_worker_is_not_repeated() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    advice = MEANINGS[Reason.INSUFFICIENT_SPACE].advice
    namespace.fail(Reason.INSUFFICIENT_SPACE, f"needs 5Gi, 2Gi are free. {advice}")
    namespace.settle()
    assert namespace.message().count(advice.rstrip(".")) == 1
