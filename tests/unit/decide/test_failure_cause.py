"""Why a Job failed: by its worker's report, its exit code, or the end of its log."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shardwright_worker.contract.reasons import MEANINGS, Reason
from tools.testing.fake_namespace import FakeNamespace


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"exit_code": 137, "terminated_reason": "OOMKilled"}, Reason.OUT_OF_MEMORY),
        ({"exit_code": 52}, Reason.OUT_OF_MEMORY),
        ({"exit_code": 1}, Reason.WORKER_PROTOCOL_ERROR),
        ({"exit_code": 137, "disruption": "EvictionByEvictionAPI"}, Reason.DISRUPTED),
        ({"exit_code": 137, "deleting": True}, Reason.DISRUPTED),
    ],
)
def test_a_pod_without_a_report_is_judged_by_how_it_ended(facts: dict[str, Any], reason: Reason) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.exit_without_report(**facts)
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert namespace.status.last_failure.reason == reason


@pytest.mark.parametrize("guess", [Reason.WORKER_PROTOCOL_ERROR, Reason.COMMUNICATION_FAILED])
def test_a_rank_killed_for_its_memory_is_out_of_memory_whatever_the_worker_reports(guess: Reason) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.fail(guess, terminated_reason="OOMKilled")
    namespace.settle()
    assert namespace.ready() == ("False", Reason.OUT_OF_MEMORY)


def test_a_failed_job_without_a_pod_is_still_explained() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.exit_without_report(1, ("BackoffLimitExceeded", "Job has reached the specified backoff limit"))
    namespace.pods.clear()
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert "BackoffLimitExceeded" in namespace.status.last_failure.message


@pytest.mark.parametrize("reason", [one for one, meaning in MEANINGS.items() if meaning.exit_code is None])
def test_a_worker_reports_only_reasons_of_its_own(reason: Reason) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.fail(Reason.TRANSFER_FAILED)
    text = json.dumps({"stage": "Prepare", "succeeded": False, "reason": reason, "message": "x"})
    namespace.pods[job.name] = replace(namespace.pods[job.name], termination_message=text, exit_code=1)
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert namespace.status.last_failure.reason == Reason.WORKER_PROTOCOL_ERROR


def test_the_end_of_the_log_is_kept_where_there_is_no_report() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    log = (
        '{"shardwright":"progress","stage":"Loading"}\n' * 20
        + "\x1b[31mTraceback\x1b[0m\n  File x\n\x00\nKeyError: 'layers'\n"
    )
    namespace.exit_without_report(1, log=log)
    namespace.settle()
    assert namespace.status.last_failure is not None
    message = namespace.status.last_failure.message
    assert "KeyError: 'layers'" in message
    assert "Traceback" in message
    assert "\x1b" not in message
    assert "\x00" not in message
    assert "progress" not in message


def test_a_long_log_is_cut_at_its_start() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.exit_without_report(
        1, log="\n".join(f"line {number} {'x' * 500}" for number in range(100)) + "\nthe cause"
    )
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert "the cause" in namespace.status.last_failure.message
    assert len(namespace.status.last_failure.message) < 1500
