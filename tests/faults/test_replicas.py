"""Several operators: two that both believe to lead, a leader that is killed, one that is stopped and wakes up later."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from os import kill

import pytest

from tests.faults.stage import ALONE, Stage, Theatre, created_twice, serving, stage
from tools.cluster.api import wait_until
from tools.testing.operator import Operator
from tools.testing.scenario import End

_ELECTION = ("--lease-duration=4", "--renew-deadline=3", "--retry-period=0.5")


def _leader(operators: Sequence[Operator]) -> Operator:
    """The one that leads, as soon as there is one."""

    def leading() -> list[Operator]:
        return [one for one in operators if one.running and one.metrics().get("shardwright_leader")]

    wait_until(lambda: bool(leading()), "a leader", 60)
    return leading()[0]


def _wait_for_work(stage: Stage) -> None:
    jobs = stage.theatre.witness.latest
    wait_until(lambda: len(jobs(stage.namespace.name, "job")) >= 3, "the first Jobs", 60)


def kill_leader(stage: Stage, operators: Sequence[Operator]) -> None:
    """The leader dies in the middle of the play."""
    leader = _leader(operators)
    _wait_for_work(stage)
    leader.kill()


def stop_leader(stage: Stage, operators: Sequence[Operator]) -> None:
    """The leader stands still until another one leads, and then goes on, as if it still led."""
    leader = _leader(operators)
    _wait_for_work(stage)
    kill(leader.pid, signal.SIGSTOP)
    try:
        _leader([one for one in operators if one is not leader])
    finally:
        kill(leader.pid, signal.SIGCONT)


def leave_alone(stage: Stage, operators: Sequence[Operator]) -> None:
    """Nothing happens to them."""


CASES: Mapping[str, tuple[tuple[str, ...], Callable[[Stage, Sequence[Operator]], None]]] = {
    "both lead": ((ALONE,), leave_alone),
    "leader killed": (_ELECTION, kill_leader),
    "leader stopped": (_ELECTION, stop_leader),
}


@pytest.fixture(scope="module")
def plays(theatre: Theatre) -> Iterator[Mapping[str, Future[Mapping[str, End]]]]:
    """All cases at once."""

    def perform(case: str) -> Mapping[str, End]:
        options, disturb = CASES[case]
        with stage(theatre) as disturbed, serving(disturbed, *options, operators=2) as operators:
            with ThreadPoolExecutor(1) as pool:
                play = pool.submit(disturbed.play)
                disturb(disturbed, operators)
            assert created_twice(disturbed.proxy.record.calls) == []
            return play.result()

    with ThreadPoolExecutor(len(CASES)) as pool:
        yield {case: pool.submit(perform, case) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_it_ends_as_with_one(
    plays: Mapping[str, Future[Mapping[str, End]]], undisturbed: Mapping[str, End], case: str
) -> None:
    assert plays[case].result() == undisturbed
