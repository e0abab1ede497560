"""A worker that is killed, at any stage, leaves nothing with a final name, and the next one publishes and sweeps up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shardwright_worker.artifact.find import read_manifest
from shardwright_worker.contract.progress import Stage, read_progress
from shardwright_worker.contract.reasons import MEANINGS, Reason
from tests import models


def _start(source: Path, output: Path, attempt: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "shardwright_worker.cli", "shard", "--source", str(source)]
    command += ["--output", str(output), "--tensor-parallel-size", "2", "--attempt", attempt]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def _lines(worker: subprocess.Popen[str]) -> Iterator[str]:
    assert worker.stdout is not None
    yield from worker.stdout


def _stop_at(worker: subprocess.Popen[str], stage: Stage, number: signal.Signals) -> str:
    """Send the signal when the stage is first told; returns the last line."""
    last, sent = "", False
    for line in _lines(worker):
        last = line
        progress = read_progress(line)
        if progress and progress.stage == stage and not sent:
            os.kill(worker.pid, number)
            sent = True
    worker.wait()
    assert sent, f"the stage {stage} was never told"
    return last


@pytest.mark.parametrize("stage", [Stage.LOADING, Stage.VERIFYING])
def test_the_next_worker_publishes_what_a_killed_one_left(tmp_path: Path, stage: Stage) -> None:
    source, output = models.llama(tmp_path / "source"), tmp_path / "output"
    output.mkdir()
    _stop_at(_start(source, output, "killed"), stage, signal.SIGKILL)
    assert not list(output.glob("*/shardwright.json"))
    second = _start(source, output, "second")
    report = json.loads(list(_lines(second))[-1])
    assert second.wait() == 0
    assert report["succeeded"]
    assert [path.name for path in output.iterdir()] == [report["key"]]
    assert read_manifest(output / report["key"]).verification.level == "Load"


def test_a_worker_that_is_told_to_stop_says_so(tmp_path: Path) -> None:
    source, output = models.llama(tmp_path / "source"), tmp_path / "output"
    output.mkdir()
    worker = _start(source, output, "stopped")
    report = json.loads(_stop_at(worker, Stage.LOADING, signal.SIGTERM))
    assert worker.returncode == MEANINGS[Reason.DISRUPTED].exit_code
    assert report["reason"] == Reason.DISRUPTED
    assert not list(output.glob("*/shardwright.json"))
