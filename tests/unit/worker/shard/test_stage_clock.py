"""The clock of the shard stage: each stage has its time, and progress is passed on with it."""

from __future__ import annotations

from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.shard.stage_clock import StageClock


def test_progress_is_of_the_stage_that_runs() -> None:
    shown: list[Progress] = []
    clock = StageClock(shown.append)
    clock.show()
    assert shown == []
    clock.start(Stage.VERIFYING)
    clock.start(Stage.VERIFYING)
    clock.show_bytes(2)
    clock.show_bytes(5)
    clock.start(Stage.PUBLISHING)
    clock.show_bytes(1)
    assert [(one.stage, one.bytes_done) for one in shown] == [
        (Stage.VERIFYING, None),
        (Stage.VERIFYING, 2),
        (Stage.VERIFYING, 5),
        (Stage.PUBLISHING, None),
        (Stage.PUBLISHING, 1),
    ]
    assert clock.durations().keys() == {"verify", "publish"}
