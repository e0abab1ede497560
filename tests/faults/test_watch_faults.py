"""Watches that break, lose events or stall. Each fault has an operator of its own: some end all watches of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.faults.testbed import NO_ELECTION, SharedCluster, jobs_created_twice, new_testbed, running_operators
from tools.testing.fault_rules import Rule
from tools.testing.faults import ErrorResponse, Fault
from tools.testing.scenario import FinalState
from tools.testing.watch_faults import DropEvents, DuplicateEvents, StalledWatch, TruncatedWatch, WatchError

_WATCHED = "/(shardedcheckpoints|jobs|pods)$"
_AT_ONCE = 4


@dataclass(frozen=True)
class Case:
    """A fault of `times` watches from the `nth` on, and operator options that make it frequent or quickly noticed."""

    fault: Fault
    times: int
    nth: int = 1
    options: tuple[str, ...] = ()


CASES: Mapping[str, Case] = {
    "version expired, in the stream": Case(WatchError(410), 12),
    "version expired, as status": Case(ErrorResponse(410), 2, nth=4, options=("--watch-timeout=3",)),
    "error 500 in the stream": Case(WatchError(500), 2),
    "error 504 in the stream": Case(WatchError(504, events=8), 2),
    "500 for a while": Case(ErrorResponse(500), 4),
    "403 for a while": Case(ErrorResponse(403), 4),
    "404 for a while": Case(ErrorResponse(404), 4),
    "429 for a while": Case(ErrorResponse(429, retry_after=1), 6),
    "cut in the middle of a line": Case(TruncatedWatch(), 12),
    "stalled": Case(StalledWatch(), 6, options=("--watch-silence=2",)),
    "stalled from the start": Case(StalledWatch(events=0), 3, options=("--watch-silence=2",)),
    "every event twice": Case(DuplicateEvents(), 100),
    "deletions dropped": Case(DropEvents(every=1, type="DELETED"), 100),
    "every second event dropped": Case(DropEvents(), 6),
}


@pytest.fixture(scope="module")
def runs(cluster: SharedCluster) -> Iterator[Mapping[str, Future[Mapping[str, FinalState]]]]:
    """All cases, some at a time."""

    def run(case: Case) -> Mapping[str, FinalState]:
        rule = Rule("watch", _WATCHED, case.fault, nth=case.nth, times=case.times)
        with new_testbed(cluster) as testbed:
            testbed.proxy.add(rule)
            with running_operators(testbed, NO_ELECTION, *case.options):
                states = testbed.run()
            assert rule.hits >= min(2, case.times), "the fault hit hardly any watch"
            assert jobs_created_twice(testbed.proxy.log.requests) == []
            return states

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {name: pool.submit(run, case) for name, case in CASES.items()}


@pytest.mark.parametrize("case", CASES)
def test_final_states_are_those_of_the_baseline(
    runs: Mapping[str, Future[Mapping[str, FinalState]]], baseline: Mapping[str, FinalState], case: str
) -> None:
    assert runs[case].result() == baseline
