"""How far a Job is: what is shown of a worker's lines, when it will end, and when nothing is written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shardwright_worker.contract.progress_line import Progress, Stage
from tools.testing.imagined import START, Imagined, pod


def _running() -> tuple[Imagined, str]:
    world = Imagined()
    world.settle()
    job = world.running()
    world.settle()
    return world, job.name


def test_the_last_line_of_the_worker_is_shown_and_named_in_the_message() -> None:
    world, pod = _running()
    world.progress[pod] = Progress(stage=Stage.SAVING, ranks_done=1, ranks=2, bytes_done=5, bytes_total=20)
    plan = world.settle()
    shown = world.status.progress
    assert shown is not None
    assert (shown.stage, shown.ranks_done, shown.ranks, shown.bytes_done, shown.bytes_total) == ("Saving", 1, 2, 5, 20)
    assert "Saving" in world.message()
    assert plan.requeue_after == world.config.progress_interval


def test_nothing_is_written_while_nothing_moves() -> None:
    world, pod = _running()
    world.progress[pod] = Progress(stage=Stage.SAVING, bytes_done=5, bytes_total=20)
    world.settle()
    before = world.status
    world.later(60)
    assert world.plan().status == before
    world.progress.clear()
    assert world.plan().status == before, "a log that cannot be read takes nothing back"


def test_the_end_is_estimated_from_the_pace_of_the_stage() -> None:
    world, pod = _running()
    world.progress[pod] = Progress(stage=Stage.SAVING, bytes_done=0, bytes_total=100)
    world.settle()
    assert world.status.progress is not None
    assert world.status.progress.estimated_completion is None
    world.later(10)
    world.progress[pod] = Progress(stage=Stage.SAVING, bytes_done=25, bytes_total=100)
    world.settle()
    assert world.status.progress.estimated_completion == START + timedelta(seconds=40)
    world.progress[pod] = Progress(stage=Stage.VERIFYING, bytes_done=50, bytes_total=100)
    world.settle()
    assert world.status.progress.estimated_completion is None, "another stage has another pace"


@pytest.mark.parametrize(
    ("done", "total", "seconds"),
    [(150, 700 * 10**9, 60), (2, 10**12, 5), (700, 700 * 10**9, 300), (1, 2**53, 30), (1, 2**62, 30), (1, 10**400, 1)],
)
def test_an_end_that_is_days_away_is_not_estimated(done: int, total: int, seconds: float) -> None:
    world, pod = _running()
    world.progress[pod] = Progress(stage=Stage.DOWNLOADING, bytes_done=0, bytes_total=total)
    world.settle()
    world.later(seconds)
    world.progress[pod] = Progress(stage=Stage.DOWNLOADING, bytes_done=done, bytes_total=total)
    world.settle()
    assert world.status.progress is not None
    assert world.status.progress.estimated_completion is None
    assert (world.status.progress.bytes_total or 0) <= 2**53


def test_progress_goes_when_nothing_runs() -> None:
    world, name = _running()
    world.progress[name] = Progress(stage=Stage.LOADING)
    world.settle()
    (job,) = world.live()
    world.pods[name] = pod(job, world.now)  # the pod was lost, and its successor waits
    world.progress.clear()
    world.settle()
    assert world.status.progress is None


def test_progress_goes_with_its_job() -> None:
    world, pod = _running()
    world.progress[pod] = Progress(stage=Stage.DIGESTING)
    world.settle()
    world.succeed()
    world.settle()
    assert world.status.progress is None


def test_the_time_in_the_queue_is_told() -> None:
    world = Imagined(job={"queueName": "gpus"})
    world.settle()
    world.succeed()
    world.settle()
    world.later(90)
    world.succeed()
    world.settle()
    assert world.status.durations.queue == 90
