"""What decisions ask of the observed Jobs and pods."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shardwright_operator.decide.observed import newest
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import START, pod


def test_a_job_is_live_until_it_has_finished() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.observed().live_jobs()
    namespace.jobs[job.name] = replace(job, deleting=True)
    assert namespace.observed().live_jobs()
    for change in ({"complete": True}, {"failed": ("DeadlineExceeded", "")}, {"owned": False}):
        namespace.jobs[job.name] = replace(job, **change)
        assert not namespace.observed().live_jobs()


@pytest.mark.parametrize(("phase", "started"), [("Pending", False), ("", False), ("Running", True), ("Failed", True)])
def test_a_job_has_started_once_a_container_of_it_ran(phase: str, started: bool) -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    namespace.pods[job.name] = replace(pod(job, START), phase=phase)
    assert namespace.observed().has_started(job.name) is started
    assert not namespace.observed().has_started("other")


def test_the_newest_pod_is_the_one_created_last() -> None:
    namespace = FakeNamespace()
    namespace.settle()
    (job,) = namespace.live_jobs()
    first = pod(job, START)
    second = replace(first, name="a", created_at=START + timedelta(seconds=1))
    assert newest([second, first]) == second
    assert newest([first, replace(first, name="zz")]) == replace(first, name="zz")
    assert newest([]) is None
