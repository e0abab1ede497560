"""A measurement is of the slowest rank and of all bytes; one that fails is logged and left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.measured import MeasuredLoad
from shardwright_worker.engine import child
from shardwright_worker.engine.messages import TimedLoad
from shardwright_worker.engine.rank_messages import RankTimed
from shardwright_worker.measure.measure_stage import MeasureRequest, measure, slowest


def _load(*ranks: tuple[float, int | None]) -> TimedLoad:
    return TimedLoad(ranks=[RankTimed(rank=n, seconds=s, bytes_read=b) for n, (s, b) in enumerate(ranks)])


@pytest.mark.parametrize(
    ("load", "measured"),
    [
        (_load((1.0, 5), (2.00049, 7), (1.5, 0)), MeasuredLoad(seconds=2.0, bytes_read=12)),
        (_load((1.0, 5), (2.0, None), (1.5, 0)), MeasuredLoad(seconds=2.0)),
        (_load((1.0, 0), (1.0, 0), (0.0, 0)), MeasuredLoad(seconds=1.0)),
    ],
)
def test_the_slowest_rank_and_all_bytes_are_reported(load: TimedLoad, measured: MeasuredLoad) -> None:
    assert slowest(load, 3) == measured


def test_a_rank_that_was_not_timed_is_an_error() -> None:
    with pytest.raises(WorkerFailure, match="1 of 2 ranks"):
        slowest(_load((1.0, 1)), 2)


def test_a_load_that_takes_too_long_is_ended(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text("{}")
    request = MeasureRequest(tmp_path, ["config.json"], tmp_path, ["config.json"], EngineSettings(), "")
    assert measure(request, tmp_path / "scratch", lambda: None, limit=0) is None
    assert "The loads are not measured: a load took longer than 0 s" in capfd.readouterr().err
    assert child._running == set()


@pytest.mark.parametrize(("file", "cause"), [("config.json", ""), ("missing.safetensors", "missing.safetensors")])
def test_what_cannot_be_loaded_or_read_is_logged_and_left_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], file: str, cause: str
) -> None:
    """The model is not one: no vLLM can load it, and without vLLM nothing can."""
    (tmp_path / "config.json").write_text("{}")
    request = MeasureRequest(tmp_path, [file], tmp_path, ["config.json"], EngineSettings(), "")
    assert measure(request, tmp_path / "scratch", lambda: None) is None
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "The loads are not measured" in line]
    assert len(line) > len("The loads are not measured: ")
    assert cause in line
