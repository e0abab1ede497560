"""The operator is killed before and after every write: started again, it reaches the same final states."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

import pytest

from tests.faults.testbed import (
    NO_ELECTION,
    SharedCluster,
    jobs_created_twice,
    new_testbed,
    run_checked,
    running_operators,
)
from tools.testing.api_requests import ApiRequest, RequestLog
from tools.testing.fault_rules import Rule
from tools.testing.faults import Crash
from tools.testing.milestones import milestone_of, milestones
from tools.testing.operator import Operator
from tools.testing.scenario import RESOURCES, FinalState

# Every write that each of these resources needs. Other writes report progress, and may be left out.
MILESTONES = {
    "retried": (
        *("record attempt 1", "create job 1"),
        *("record attempt 2", "create job 2", "record failure 2"),
        *("record attempt 3", "create job 3", "ready"),
    ),
    "changed": (
        *("record attempt 1", "create job 1"),
        *("record attempt 2", "create job 2", "delete job 2"),
        *("record attempt 3", "create job 3", "record attempt 4", "create job 4", "ready"),
    ),
}
_COLLECT_SECONDS = 0.3  # in which further resources may reach the point at which the same process is killed


class Point(NamedTuple):
    """A point at which the operator is killed: a milestone of a resource, before or after the write."""

    resource: str
    number: int
    after: bool

    @property
    def name(self) -> str:
        """The name of the resource for this point."""
        return f"{self.resource}.{self.number}.{'after' if self.after else 'before'}"

    @property
    def milestone(self) -> str:
        """The milestone."""
        return MILESTONES[self.resource][self.number]

    def matches(self, request: ApiRequest) -> bool:
        """Return whether the request is the write of this milestone."""
        return milestone_of(request) == self.milestone


POINTS = [
    Point(resource, number, after)
    for resource in MILESTONES
    for number in range(len(MILESTONES[resource]))
    for after in (False, True)
]


class Restarter:
    """Kills the operator on request, and starts it again; a context manager."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._requested: queue.Queue[int] = queue.Queue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.starts = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._requested.put(-1)
        self._thread.join()

    def request(self) -> None:
        """Request that the present process is killed; ignored if that has happened already."""
        self._requested.put(self._operator.pid)

    def _run(self) -> None:
        while (pid := self._requested.get()) >= 0:
            if self._operator.pid == pid:
                time.sleep(_COLLECT_SECONDS)
                self._operator.kill()
                self._operator.start()
                self.starts += 1


@dataclass(frozen=True)
class Crashes:
    """What was observed of a run with a crash at every point."""

    states: Mapping[str, FinalState]
    rules: Mapping[str, Rule]
    log: RequestLog
    starts: int


@pytest.fixture(scope="module")
def crashes(cluster: SharedCluster) -> Iterator[Crashes]:
    """A run with one resource for each point at which the operator is killed, all at once."""
    with (
        new_testbed(cluster) as testbed,
        running_operators(testbed, NO_ELECTION) as (operator,),
        Restarter(operator) as restarter,
    ):
        rules = {
            point.name: Rule(
                "write",
                rf"/(jobs/{point.name.replace('.', '-')}-\w+-\w+-\d+|shardedcheckpoints/{point.name}/status)$",
                Crash(restarter.request, after=point.after),
                when=point.matches,
            )
            for point in POINTS
        }
        testbed.proxy.add(*rules.values())
        resources = {point.name: RESOURCES[point.resource] for point in POINTS}
        states = run_checked(cluster, testbed.namespace, resources)
        yield Crashes(states, rules, testbed.proxy.log, restarter.starts)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_the_final_state_is_that_of_the_baseline(
    crashes: Crashes, baseline: Mapping[str, FinalState], point: Point
) -> None:
    assert crashes.states[point.name] == baseline[point.resource]


def test_the_operator_is_killed_at_every_point(crashes: Crashes) -> None:
    missed = [f"{point.name} ({point.milestone})" for point in POINTS if crashes.rules[point.name].hits != 1]
    assert not missed, "the operator was not killed at: " + "; ".join(missed)
    assert crashes.starts > 1, "every point was reached within one process"
    assert jobs_created_twice(crashes.log.requests) == []


@pytest.mark.parametrize("resource", MILESTONES)
def test_the_table_has_every_milestone(
    baseline_run: tuple[Mapping[str, FinalState], Sequence[ApiRequest]], resource: str
) -> None:
    ours = re.compile(rf"/(jobs/{resource}-\w+-\w+-\d+|shardedcheckpoints/{resource}/status)$")
    requests = (request for request in baseline_run[1] if ours.search(request.object_path))
    assert milestones(requests) == MILESTONES[resource]
