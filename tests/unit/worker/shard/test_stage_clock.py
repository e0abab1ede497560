"""The clock of the shard stage: each stage has its time, and progress is passed on with it."""

from __future__ import annotations

import time

import pytest

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


def test_a_stage_is_divided_into_steps_that_together_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = StageClock(lambda _: None)
    clock.start(Stage.DIGESTING)
    now = 1010.0
    clock.start(Stage.LOADING)
    now = 1040.0
    clock.start(Stage.SAVING)
    now = 1045.0
    clock.divide(Stage.LOADING, {"import": 1016.5, "startRanks": 1020.25}, "readWeights")
    now = 1047.0
    assert clock.durations() == {
        "digest": 10.0,
        "load": 30.0,
        "import": 6.5,
        "startRanks": 3.75,
        "readWeights": 19.75,
        "save": 7.0,
    }


def test_a_stage_that_still_runs_is_divided_up_to_now(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 5.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = StageClock(lambda _: None)
    clock.start(Stage.LOADING)
    now = 9.0
    clock.divide(Stage.LOADING, {"import": 6.0}, "rest")
    assert clock.durations() == {"load": 4.0, "import": 1.0, "rest": 3.0}
