"""The annotation reconcile.fluxcd.io/requestedAt: each value is acted on once, and its removal requests nothing."""

from __future__ import annotations

import pytest

from shardwright_operator.kube.observed_resource import is_settled
from shardwright_worker.contract.reasons import Reason
from tests.unit.decide.namespaces import ready
from tools.testing.fake_namespace import FakeNamespace


def test_removing_the_annotation_requests_nothing() -> None:
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


def test_a_failure_stays_when_the_annotation_is_removed() -> None:
    namespace = FakeNamespace()
    namespace.requested_at = "now"
    namespace.settle()
    namespace.fail(Reason.OUT_OF_MEMORY)
    namespace.settle()
    namespace.requested_at = None
    namespace.settle()
    assert namespace.status.condition("Stalled") is not None
    assert len(namespace.created) == 1


@pytest.mark.parametrize("value", ["2026-01-01T00:00:00Z", "please"])
def test_any_new_value_is_a_request_and_the_same_value_is_not(value: str) -> None:
    namespace = ready()
    namespace.requested_at = value
    namespace.run_to_ready()
    assert namespace.status.last_handled_reconcile_at == value
    created = len(namespace.created)
    namespace.settle()
    assert len(namespace.created) == created


def test_a_failed_check_whose_request_was_withdrawn_is_left_alone() -> None:
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


def test_a_request_does_not_stop_a_running_job() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    running = namespace.start_job()
    namespace.requested_at = "now"
    namespace.settle()
    assert namespace.live_jobs() == [running]
    assert namespace.status.last_handled_reconcile_at is None
    namespace.succeed()
    namespace.settle()
    assert namespace.ready() == ("True", Reason.SUCCEEDED)
    (job,) = namespace.live_jobs()
    assert "-prepare-" in job.name
    assert namespace.status.last_handled_reconcile_at == "now"


def test_a_request_is_not_handled_while_suspended() -> None:
    namespace = ready()
    namespace.edit(suspend=True)
    namespace.requested_at = "now"
    namespace.settle()
    assert namespace.status.last_handled_reconcile_at is None
    namespace.edit(suspend=False)
    namespace.run_to_ready()
    assert namespace.status.last_handled_reconcile_at == "now"
