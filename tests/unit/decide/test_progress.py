"""How far a Job is: what is shown of a worker's lines, when it will end, and when nothing is written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shardwright_worker.contract.progress_line import Progress, Stage
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import START, pod


def _running() -> tuple[FakeNamespace, str]:
    namespace = FakeNamespace()
    namespace.settle()
    job = namespace.start_job()
    namespace.settle()
    return namespace, job.name


def test_the_last_line_of_the_worker_is_shown_and_named_in_the_message() -> None:
    namespace, pod = _running()
    namespace.progress[pod] = Progress(stage=Stage.SAVING, ranks_done=1, ranks=2, bytes_done=5, bytes_total=20)
    plan = namespace.settle()
    shown = namespace.status.progress
    assert shown is not None
    assert (shown.stage, shown.ranks_done, shown.ranks, shown.bytes_done, shown.bytes_total) == ("Saving", 1, 2, 5, 20)
    assert "Saving" in namespace.message()
    assert plan.requeue_after == namespace.config.progress_interval


def test_nothing_is_written_without_progress() -> None:
    namespace, pod = _running()
    namespace.progress[pod] = Progress(stage=Stage.SAVING, bytes_done=5, bytes_total=20)
    namespace.settle()
    before = namespace.status
    namespace.advance(60)
    assert namespace.plan().status == before
    namespace.progress.clear()
    assert namespace.plan().status == before, "a log that cannot be read takes nothing back"


def test_the_end_is_estimated_from_the_rate_of_the_stage() -> None:
    namespace, pod = _running()
    namespace.progress[pod] = Progress(stage=Stage.SAVING, bytes_done=0, bytes_total=100)
    namespace.settle()
    assert namespace.status.progress is not None
    assert namespace.status.progress.estimated_completion is None
    namespace.advance(10)
    namespace.progress[pod] = Progress(stage=Stage.SAVING, bytes_done=25, bytes_total=100)
    namespace.settle()
    assert namespace.status.progress.estimated_completion == START + timedelta(seconds=40)
    namespace.progress[pod] = Progress(stage=Stage.VERIFYING, bytes_done=50, bytes_total=100)
    namespace.settle()
    assert namespace.status.progress.estimated_completion is None, "another stage has another pace"


@pytest.mark.parametrize(
    ("done", "total", "seconds"),
    [(150, 700 * 10**9, 60), (2, 10**12, 5), (700, 700 * 10**9, 300), (1, 2**53, 30), (1, 2**62, 30), (1, 10**400, 1)],
)
def test_an_end_that_is_days_away_is_not_estimated(done: int, total: int, seconds: float) -> None:
    namespace, pod = _running()
    namespace.progress[pod] = Progress(stage=Stage.DOWNLOADING, bytes_done=0, bytes_total=total)
    namespace.settle()
    namespace.advance(seconds)
    namespace.progress[pod] = Progress(stage=Stage.DOWNLOADING, bytes_done=done, bytes_total=total)
    namespace.settle()
    assert namespace.status.progress is not None
    assert namespace.status.progress.estimated_completion is None
    assert (namespace.status.progress.bytes_total or 0) <= 2**53


def test_progress_is_removed_when_nothing_runs() -> None:
    namespace, name = _running()
    namespace.progress[name] = Progress(stage=Stage.LOADING)
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.pods[name] = pod(job, namespace.now)  # the pod was lost, and its successor waits
    namespace.progress.clear()
    namespace.settle()
    assert namespace.status.progress is None


def test_progress_is_removed_with_its_job() -> None:
    namespace, pod = _running()
    namespace.progress[pod] = Progress(stage=Stage.DIGESTING)
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    assert namespace.status.progress is None


def test_the_time_in_the_queue_is_shown() -> None:
    namespace = FakeNamespace(job={"queueName": "gpus"})
    namespace.settle()
    namespace.succeed()
    namespace.settle()
    namespace.advance(90)
    namespace.succeed()
    namespace.settle()
    assert namespace.status.duration_seconds.queue == 90
