"""`shard` ends with a table on a terminal, and only there."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shardwright_worker.cli.arguments import read_arguments
from shardwright_worker.cli.layout_arguments import layout_of
from shardwright_worker.prepare.prepare_folder import prepare_folder
from shardwright_worker.reporting.progress_output import ignore_progress
from tests.unit.worker.process_cases import COMMAND, last_report
from tools.testing.tiny_files import write_artifact


@pytest.fixture
def line(model: Path, tmp_path: Path) -> list[str]:
    """A command line of `shard` whose artifact is finished."""
    words = ["shard", "--source", str(model), "--output", str(tmp_path / "out"), "-tp", "2", "--image", "engine:1"]
    found = prepare_folder(model, layout_of(read_arguments(words)), ignore_progress)
    write_artifact(tmp_path / "out" / found.key, source_digest=found.source.digest)
    return words


def _read(terminal: int) -> Iterator[bytes]:
    with contextlib.suppress(OSError):  # of a terminal that nothing writes to any more
        while read := os.read(terminal, 65536):
            yield read


def test_a_user_at_a_terminal_sees_bars_and_a_table(line: list[str]) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    process = subprocess.Popen([*COMMAND, *line], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b"".join(_read(ours)).decode()
    os.close(ours)
    assert process.wait() == 0
    assert "Digesting" in shown
    assert '"shardwright":"progress"' not in shown
    folder = next(path for path in Path(line[4]).iterdir() if path.name != ".staging")
    assert shown.rstrip().endswith(f"vllm serve {folder} --load-format sharded_state --tensor-parallel-size 2")
    assert "verified" in shown


@pytest.mark.parametrize("piped", ["stdout", "stderr"])
def test_a_log_has_neither(line: list[str], piped: str) -> None:
    ours, theirs = pty.openpty()
    stdout, stderr = (subprocess.PIPE, theirs) if piped == "stdout" else (theirs, subprocess.PIPE)
    process = subprocess.Popen([*COMMAND, *line], stdin=theirs, stdout=stdout, stderr=stderr, text=True)
    os.close(theirs)
    logged = process.communicate()[0 if piped == "stdout" else 1]
    other = b"".join(_read(ours)).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "vllm serve" not in logged + other
    assert '"shardwright":"progress"' in (logged if piped == "stdout" else other)
    assert last_report(logged if piped == "stdout" else other).succeeded
