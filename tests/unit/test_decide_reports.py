"""What is believed of a worker, what stands in for a report that is not there, and the words in which it is told."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import read_report
from tools.testing.imagined import Imagined


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
    world = Imagined()
    world.settle()
    if stage == "shard":
        world.succeed()
        world.settle()
    source, artifact = world.status.source, world.status.artifact
    (job,) = world.live()
    world.succeed()
    ended = world.pods[job.name]
    report = read_report(ended.termination_message)
    assert report is not None
    text = report.model_copy(update=change.get("report", {})).to_text()
    world.pods[job.name] = replace(ended, termination_message=text, exit_code=change.get("exit_code", 0))
    world.step()
    assert world.status.artifact == artifact
    assert world.status.last_failure is not None
    if stage == "prepare":
        assert world.status.source == source


@pytest.mark.parametrize("reason", [one for one, meaning in MEANINGS.items() if meaning.exit_code is None])
def test_a_worker_fails_with_reasons_of_its_own_alone(reason: Reason) -> None:
    world = Imagined()
    world.settle()
    job = world.running()
    world.fail(Reason.TRANSFER_FAILED)
    text = json.dumps({"stage": "Prepare", "succeeded": False, "reason": reason, "message": "x"})
    world.pods[job.name] = replace(world.pods[job.name], termination_message=text, exit_code=1)
    world.settle()
    assert world.status.last_failure is not None
    assert world.status.last_failure.reason == Reason.WORKER_PROTOCOL_ERROR


def test_the_end_of_the_log_is_kept_where_there_is_no_report() -> None:
    world = Imagined()
    world.settle()
    log = (
        '{"shardwright":"progress","stage":"Loading"}\n' * 20
        + "\x1b[31mTraceback\x1b[0m\n  File x\n\x00\nKeyError: 'layers'\n"
    )
    world.die(1, log=log)
    world.settle()
    assert world.status.last_failure is not None
    message = world.status.last_failure.message
    assert "KeyError: 'layers'" in message
    assert "Traceback" in message
    assert "\x1b" not in message
    assert "\x00" not in message
    assert "progress" not in message


def test_a_long_log_is_cut_at_its_beginning() -> None:
    world = Imagined()
    world.settle()
    world.die(1, log="\n".join(f"line {number} {'x' * 500}" for number in range(100)) + "\nthe cause")
    world.settle()
    assert world.status.last_failure is not None
    assert "the cause" in world.status.last_failure.message
    assert len(world.status.last_failure.message) < 1500


@pytest.mark.parametrize("reason", [one for one in MEANINGS if MEANINGS[one].exit_code and not MEANINGS[one].retry])
@pytest.mark.parametrize("message", ["it broke", "it broke.", "did it break?", "it broke..", ""])
def test_advice_follows_the_words_of_the_worker_in_whole_sentences(reason: Reason, message: str) -> None:
    world = Imagined()
    world.settle()
    world.fail(reason, message)
    world.settle()
    told = world.message()
    assert not re.search(r"[.?!;:,][.;:,]", told)
    assert MEANINGS[reason].advice.rstrip(".") in told
    assert "requestedAt" in told


def test_advice_that_the_worker_has_given_is_not_given_twice() -> None:
    world = Imagined()
    world.settle()
    advice = MEANINGS[Reason.INSUFFICIENT_SPACE].advice
    world.fail(Reason.INSUFFICIENT_SPACE, f"needs 5Gi, 2Gi are free. {advice}")
    world.settle()
    assert world.message().count(advice.rstrip(".")) == 1
