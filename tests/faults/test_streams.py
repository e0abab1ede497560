"""Watches that break, lie or fall silent. Each kind of trouble has an operator of its own: some end all its watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.faults.stage import ALONE, Theatre, created_twice, serving, stage
from tools.testing.faults import Cut, Drop, Duplicate, Fault, Refusal, Rule, Silence, StreamError
from tools.testing.scenario import End

_STREAMS = "/(shardedcheckpoints|jobs|pods)$"
_AT_ONCE = 4


@dataclass(frozen=True)
class Trouble:
    """What happens to so many watches from the `nth` on, and options that make it likely or quickly noticed."""

    fault: Fault
    times: int
    nth: int = 1
    options: tuple[str, ...] = ()


CASES: Mapping[str, Trouble] = {
    "version expired, in the stream": Trouble(StreamError(410), 12),
    "version expired, as status": Trouble(Refusal(410), 2, nth=4, options=("--watch-timeout=3",)),
    "error 500 in the stream": Trouble(StreamError(500), 2),
    "error 504 in the stream": Trouble(StreamError(504, events=8), 2),
    "500 for a while": Trouble(Refusal(500), 4),
    "403 for a while": Trouble(Refusal(403), 4),
    "404 for a while": Trouble(Refusal(404), 4),
    "429 for a while": Trouble(Refusal(429, retry_after=1), 6),
    "cut in the middle of a line": Trouble(Cut(), 12),
    "silent": Trouble(Silence(), 6, options=("--watch-silence=2",)),
    "silent from the start": Trouble(Silence(events=0), 3, options=("--watch-silence=2",)),
    "every event twice": Trouble(Duplicate(), 100),
    "deletions untold": Trouble(Drop(every=1, type="DELETED"), 100),
    "every second event lost": Trouble(Drop(), 6),
}


@pytest.fixture(scope="module")
def plays(theatre: Theatre) -> Iterator[Mapping[str, Future[Mapping[str, End]]]]:
    """All cases, some at a time."""

    def perform(case: str) -> Mapping[str, End]:
        trouble = CASES[case]
        rule = Rule("watch", _STREAMS, trouble.fault, nth=trouble.nth, times=trouble.times)
        with stage(theatre) as disturbed:
            disturbed.proxy.add(rule)
            with serving(disturbed, ALONE, *trouble.options):
                ends = disturbed.play()
            assert rule.hits >= min(2, trouble.times), "the trouble hardly happened"
            assert created_twice(disturbed.proxy.record.calls) == []
            return ends

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {case: pool.submit(perform, case) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_it_ends_as_on_a_good_day(
    plays: Mapping[str, Future[Mapping[str, End]]], undisturbed: Mapping[str, End], case: str
) -> None:
    assert plays[case].result() == undisturbed
