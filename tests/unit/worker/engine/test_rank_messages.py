"""Each rank has one file for each kind of message; what is not whole is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.rank_messages import (
    RankExited,
    RankPlan,
    RankProgress,
    RankReading,
    plan_environment,
    plan_from_environment,
    read_rank_messages,
    write_rank_message,
)


def test_the_latest_message_of_each_rank_is_read(tmp_path: Path) -> None:
    for rank, done in ((0, 1), (10, 2), (0, 3)):
        write_rank_message(tmp_path, RankProgress(rank=rank, bytes_done=done, bytes_total=9))
    write_rank_message(tmp_path, RankExited(rank=1, code=-9, time=1.0))
    (tmp_path / "progress-2.tmp").write_text('{"rank"')
    progress = read_rank_messages(tmp_path, RankProgress)
    assert {rank: message.bytes_done for rank, message in progress.items()} == {0: 3, 10: 2}


def test_times_of_ranks_are_read_to_the_last_digit(tmp_path: Path) -> None:
    for rank, time in ((0, 123456.789012345), (1, 123456.789012346)):
        write_rank_message(tmp_path, RankReading(rank=rank, time=time))
    reading = read_rank_messages(tmp_path, RankReading)
    assert {rank: message.time for rank, message in reading.items()} == {0: 123456.789012345, 1: 123456.789012346}


def test_a_folder_that_does_not_exist_yet_has_no_messages(tmp_path: Path) -> None:
    assert read_rank_messages(tmp_path / "ranks", RankProgress) == {}


def test_a_damaged_message_is_an_unexpected_error(tmp_path: Path) -> None:
    (tmp_path / "exited-0.json").write_text('{"rank": 0}')
    with pytest.raises(WorkerFailure, match=r"exited-0\.json is not a message of type RankExited") as failed:
        read_rank_messages(tmp_path, RankExited)
    assert failed.value.reason is Reason.UNEXPECTED_ERROR


def test_the_plan_comes_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = RankPlan(output=Path("/o"), messages=Path("/s/ranks"), file_pattern="", max_file_size=5, ranks=2, saves=True)
    for name, value in plan_environment(plan).items():
        monkeypatch.setenv(name, value)
    assert plan_from_environment() == plan
