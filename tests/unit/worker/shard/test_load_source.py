"""The steps that the load of a source is divided into."""

from __future__ import annotations

import time

import pytest

from shardwright_operator.api.status import Durations
from shardwright_worker.contract.progress_line import Stage
from shardwright_worker.engine.messages import LoadTimes
from shardwright_worker.shard.load_source import divide_load
from shardwright_worker.shard.stage_clock import StageClock


def test_a_load_is_divided_into_the_steps_that_the_status_has(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = StageClock(lambda _: None)
    clock.start(Stage.LOADING)
    now = 150.0
    clock.start(Stage.SAVING)
    divide_load(clock, LoadTimes(imported=108.0, configured=110.0, started=125.0))
    shown = Durations.model_validate(clock.durations()).to_wire()
    steps = {"import": 8.0, "configure": 2.0, "startRanks": 15.0, "readWeights": 25.0}
    assert shown == {"load": 50.0, **steps, "save": 0.0}
