"""The bars of a terminal: ranks, bytes, GB/s and the time that is left, one line for each stage."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.reporting.progress_bar import ProgressBar

GIB = 2**30
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A terminal of 80 columns, and what was written to it."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.console = Console(file=self._stream, force_terminal=True, width=80)

    @property
    def lines(self) -> list[str]:
        """Every line that was shown, also those that were replaced later."""
        text = _STYLE.sub("", self._stream.getvalue().replace("\x1b[2K", "\n"))
        return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def _interrupted(terminal: Terminal) -> None:
    with ProgressBar(terminal.console) as bar:
        for done in range(4):
            bar(Progress(stage=Stage.SAVING, ranks_done=1, ranks=2, bytes_done=done * GIB, bytes_total=15 * GIB))
            time.sleep(0.02)
        raise KeyboardInterrupt


def test_a_running_stage_shows_ranks_bytes_rate_and_time_left() -> None:
    terminal = Terminal()
    with pytest.raises(KeyboardInterrupt):
        _interrupted(terminal)
    last = terminal.lines[-1]
    assert re.fullmatch(r"Saving +1/2 ranks ━+[╸╺]?━+ +3\.0/15\.0 GiB +\d+\.\d\d GB/s 0:00, 0:0\d left", last), last


def test_a_stage_that_ended_shows_all_of_it() -> None:
    terminal = Terminal()
    with ProgressBar(terminal.console) as bar:
        bar(Progress(stage=Stage.LOADING, ranks=2))
        bar(Progress(stage=Stage.SAVING, ranks_done=1, ranks=2, bytes_done=GIB, bytes_total=2 * GIB))
        bar(Progress(stage=Stage.VERIFYING))
    loading, saving, verifying = terminal.lines[-3:]
    assert re.fullmatch(r"Loading +2 ranks +━+ +0:00", loading), loading
    assert re.fullmatch(r"Saving +2/2 ranks +━+ +2\.0 GiB +\d+\.\d\d GB/s 0:00", saving), saving
    assert re.fullmatch(r"Verifying +━+ +0:00", verifying), verifying


def test_a_line_fits_a_terminal_of_80_columns() -> None:
    terminal = Terminal()
    with ProgressBar(terminal.console) as bar:
        for done in (0, 400, 500):
            bar(Progress(stage=Stage.DOWNLOADING, ranks=128, bytes_done=done * GIB, bytes_total=900 * GIB))
            time.sleep(0.02)
    assert not any("…" in line for line in terminal.lines)
    assert max(len(line) for line in terminal.lines) <= 80
