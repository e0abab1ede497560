"""The operator is killed before and after every write: started again, it goes on as if nothing had happened."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

import pytest

from tests.faults.stage import ALONE, Theatre, created_twice, perform, serving, stage
from tools.testing.api_requests import ApiRequest, RequestLog
from tools.testing.faults import Crash, Rule
from tools.testing.milestones import step_of, steps
from tools.testing.operator import Operator
from tools.testing.scenario import RESOURCES, End

# Every write that each of these must make on its way. Others tell how far things are, and may be left out.
STEPS = {
    "shaky": (
        *("attempt 1 on record", "create job 1"),
        *("attempt 2 on record", "create job 2", "failure 2 on record"),
        *("attempt 3 on record", "create job 3", "ready"),
    ),
    "changed": (
        *("attempt 1 on record", "create job 1"),
        *("attempt 2 on record", "create job 2", "delete job 2"),
        *("attempt 3 on record", "create job 3", "attempt 4 on record", "create job 4", "ready"),
    ),
}
_TOGETHER = 0.3  # seconds in which further resources may reach the point at which the same process dies
POINTS = [(kind, number, after) for kind in STEPS for number in range(len(STEPS[kind])) for after in (False, True)]


def _name(kind: str, number: int, after: bool) -> str:
    return f"{kind}.{number}.{'after' if after else 'before'}"


def _is(step: str) -> Callable[[ApiRequest], bool]:
    return lambda call: step_of(call) == step


class Reviver:
    """Kills the operator when asked, and starts it again; a context manager. Whoever asks for a dead one was served."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._asked: queue.Queue[int] = queue.Queue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.starts = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._asked.put(-1)
        self._thread.join()

    def ask(self) -> None:
        """Have the operator that runs now killed."""
        self._asked.put(self._operator.pid)

    def _run(self) -> None:
        while (pid := self._asked.get()) >= 0:
            if self._operator.pid == pid:
                time.sleep(_TOGETHER)
                self._operator.kill()
                self._operator.start()
                self.starts += 1


@pytest.fixture(scope="module")
def crashed(theatre: Theatre) -> Iterator[tuple[Mapping[str, End], Mapping[str, Rule], RequestLog, Reviver]]:
    """One resource for each point at which the operator is killed, all at once."""
    with stage(theatre) as deadly, serving(deadly, ALONE) as (operator,), Reviver(operator) as reviver:
        rules = {
            _name(*point): Rule(
                "write",
                rf"/(jobs/{_name(*point).replace('.', '-')}-\w+-\w+-\d+|shardedcheckpoints/{_name(*point)}/status)$",
                Crash(reviver.ask, after=point[2]),
                when=_is(STEPS[point[0]][point[1]]),
            )
            for point in POINTS
        }
        deadly.proxy.add(*rules.values())
        resources = {name: RESOURCES[name.partition(".")[0]] for name in rules}
        yield perform(theatre, deadly.namespace, resources), rules, deadly.proxy.record, reviver


@pytest.mark.parametrize("point", POINTS, ids=lambda point: _name(*point))
def test_it_ends_as_without_the_crash(
    crashed: tuple[Mapping[str, End], Mapping[str, Rule], RequestLog, Reviver],
    undisturbed: Mapping[str, End],
    point: tuple[str, int, bool],
) -> None:
    ends, _, _, _ = crashed
    assert ends[_name(*point)] == undisturbed[point[0]]


def test_it_was_killed_at_every_write(
    crashed: tuple[Mapping[str, End], Mapping[str, Rule], RequestLog, Reviver],
) -> None:
    _, rules, record, reviver = crashed
    missed = [
        f"{kind}: {STEPS[kind][number]} ({'after' if after else 'before'})"
        for kind, number, after in POINTS
        if rules[_name(kind, number, after)].hits != 1
    ]
    assert not missed, "the operator was not killed here: " + "; ".join(missed)
    assert reviver.starts > 1, "how many die together is a matter of the machine, but not all do"
    assert created_twice(record.calls) == []


@pytest.mark.parametrize("kind", STEPS)
def test_these_are_all_the_writes_that_there_are(
    good_day: tuple[Mapping[str, End], Sequence[ApiRequest]], kind: str
) -> None:
    ours = re.compile(rf"/(jobs/{kind}-\w+-\w+-\d+|shardedcheckpoints/{kind}/status)$")
    assert steps(call for call in good_day[1] if ours.search(call.place)) == STEPS[kind]
