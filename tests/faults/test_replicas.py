"""Two operators: both act as the leader, the leader is killed, the leader is stopped and continued."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from os import kill

import pytest

from tests.faults.testbed import (
    NO_ELECTION,
    SharedCluster,
    Testbed,
    jobs_created_twice,
    new_testbed,
    running_operators,
)
from tools.cluster.api import wait_until
from tools.testing.operator import Operator
from tools.testing.scenario import FinalState

_ELECTION = ("--lease-duration=4", "--renew-deadline=3", "--retry-period=0.5")


def _wait_for_leader(operators: Sequence[Operator]) -> Operator:
    """Wait until one of them is the leader, and return it."""

    def leaders() -> list[Operator]:
        return [one for one in operators if one.running and one.metrics().get("shardwright_leader")]

    wait_until(lambda: bool(leaders()), "a leader", 60)
    return leaders()[0]


def _wait_for_jobs(testbed: Testbed) -> None:
    jobs = testbed.cluster.recorder.latest
    wait_until(lambda: len(jobs(testbed.namespace.name, "job")) >= 3, "the first Jobs", 60)


def kill_leader(testbed: Testbed, operators: Sequence[Operator]) -> None:
    """Kill the leader in the middle of the scenario."""
    leader = _wait_for_leader(operators)
    _wait_for_jobs(testbed)
    leader.kill()


def stop_leader(testbed: Testbed, operators: Sequence[Operator]) -> None:
    """Stop the leader until another one leads, then continue it while it still takes itself for the leader."""
    leader = _wait_for_leader(operators)
    _wait_for_jobs(testbed)
    kill(leader.pid, signal.SIGSTOP)
    try:
        _wait_for_leader([one for one in operators if one is not leader])
    finally:
        kill(leader.pid, signal.SIGCONT)


def do_nothing(testbed: Testbed, operators: Sequence[Operator]) -> None:
    """Do nothing to the operators."""


CASES: Mapping[str, tuple[tuple[str, ...], Callable[[Testbed, Sequence[Operator]], None]]] = {
    "both lead": ((NO_ELECTION,), do_nothing),
    "leader killed": (_ELECTION, kill_leader),
    "leader stopped": (_ELECTION, stop_leader),
}


@pytest.fixture(scope="module")
def runs(cluster: SharedCluster) -> Iterator[Mapping[str, Future[Mapping[str, FinalState]]]]:
    """All cases at once."""

    def run(case: str) -> Mapping[str, FinalState]:
        options, interfere = CASES[case]
        with new_testbed(cluster) as testbed, running_operators(testbed, *options, operators=2) as operators:
            with ThreadPoolExecutor(1) as pool:
                states = pool.submit(testbed.run)
                interfere(testbed, operators)
            assert jobs_created_twice(testbed.proxy.log.requests) == []
            return states.result()

    with ThreadPoolExecutor(len(CASES)) as pool:
        yield {case: pool.submit(run, case) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_final_states_are_those_of_the_baseline(
    runs: Mapping[str, Future[Mapping[str, FinalState]]], baseline: Mapping[str, FinalState], case: str
) -> None:
    assert runs[case].result() == baseline
