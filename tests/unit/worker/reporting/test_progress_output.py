"""Progress lines: at most one per second, and always the end of a stage."""

from __future__ import annotations

import io

from shardwright_worker.contract.progress_line import Progress, Stage, read_progress
from shardwright_worker.reporting.progress_output import ProgressLines


def test_writes_one_line_per_second_and_always_the_last() -> None:
    now = 100.0
    stream = io.StringIO()
    lines = ProgressLines(stream, lambda: now)
    for done in range(101):
        now += 0.25
        lines(Progress(stage=Stage.DIGESTING, bytes_done=done, bytes_total=100))
    lines(Progress(stage=Stage.LOADING))
    read = [read_progress(line) for line in stream.getvalue().splitlines()]
    assert all(each is not None for each in read)
    shown = [each.bytes_done for each in read if each and each.stage == Stage.DIGESTING]
    assert shown == list(range(0, 101, 4))
    assert read[-1] is not None
    assert read[-1].stage == Stage.LOADING
    assert read[-1].seconds == 25.2


def test_writes_every_completed_rank() -> None:
    stream = io.StringIO()
    lines = ProgressLines(stream, lambda: 1.0)
    for ranks in (0, 1, 1, 2):
        lines(Progress(stage=Stage.SAVING, ranks_done=ranks, ranks=2))
    assert len(stream.getvalue().splitlines()) == 3
