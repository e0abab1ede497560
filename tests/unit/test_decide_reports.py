"""What is believed of a worker, what stands in for a report that is not there, and the words in which it is told."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import read_report
from tools.testing.fake_namespace import FakeNamespace


@pytest.mark.parametrize(
    "change",
    [
        {"exit_code": 1},
        {"exit_code": 137},
        {"report": {"reason": Reason.OUT_OF_MEMORY}},
        {"report": {"exit_code": 80}},
        {"report": {"succeeded": False}},
    ],
)
@pytest.mark.parametrize("stage", ["prepare", "shard"])
def test_a_success_that_contradicts_itself_is_not_believed(stage: str, change: dict[str, Any]) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    if stage == "shard":
        namespace.succeed()
        namespace.settle()
    source, artifact = namespace.status.source, namespace.status.artifact
    (job,) = namespace.live_jobs()
    namespace.succeed()
    ended = namespace.pods[job.name]
    report = read_report(ended.termination_message)
    assert report is not None
    text = report.model_copy(update=change.get("report", {})).to_text()
    namespace.pods[job.name] = replace(ended, termination_message=text, exit_code=change.get("exit_code", 0))
    namespace.step()
    assert namespace.status.artifact == artifact
    assert namespace.status.last_failure is not None
    if stage == "prepare":
        assert namespace.status.source == source


@pytest.mark.parametrize("reason", [one for one, meaning in MEANINGS.items() if meaning.exit_code is None])
def test_a_worker_fails_with_reasons_of_its_own_alone(reason: Reason) -> None:
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


def test_a_long_log_is_cut_at_its_beginning() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.exit_without_report(
        1, log="\n".join(f"line {number} {'x' * 500}" for number in range(100)) + "\nthe cause"
    )
    namespace.settle()
    assert namespace.status.last_failure is not None
    assert "the cause" in namespace.status.last_failure.message
    assert len(namespace.status.last_failure.message) < 1500


@pytest.mark.parametrize("reason", [one for one in MEANINGS if MEANINGS[one].exit_code and not MEANINGS[one].retry])
@pytest.mark.parametrize("message", ["it broke", "it broke.", "did it break?", "it broke..", ""])
def test_advice_follows_the_words_of_the_worker_in_whole_sentences(reason: Reason, message: str) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    namespace.fail(reason, message)
    namespace.settle()
    told = namespace.message()
    assert not re.search(r"[.?!;:,][.;:,]", told)
    assert MEANINGS[reason].advice.rstrip(".") in told
    assert "requestedAt" in told


def test_advice_that_the_worker_has_given_is_not_given_twice() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    advice = MEANINGS[Reason.INSUFFICIENT_SPACE].advice
    namespace.fail(Reason.INSUFFICIENT_SPACE, f"needs 5Gi, 2Gi are free. {advice}")
    namespace.settle()
    assert namespace.message().count(advice.rstrip(".")) == 1
