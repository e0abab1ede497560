"""Calls that go wrong: refused, late, lost. One operator serves a namespace for each kind of trouble, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.faults.stage import ALONE, Stage, Theatre, created_twice, perform, serving, stage
from tools.testing.faults import Fault, Lost, Refusal, Rule, Slow
from tools.testing.scenario import End

_OURS = "(jobs|shardedcheckpoints|persistentvolumeclaims|pods)"
_WRITES = ("create", "apply", "delete")
_ALL = (*_WRITES, "get")
_PAGE = "404 page not found\n"


def _each(fault: Fault, every: int = 2, times: int = 20, verbs: tuple[str, ...] = _ALL) -> tuple[Rule, ...]:
    """The fault for every so manieth call of each of these verbs, the first included."""
    # A resource has one Job to delete: more than a few refusals of that would only test patience.
    numbers = {"delete": 3, "get": 6}
    return tuple(Rule(verb, _OURS, fault, every=every, times=numbers.get(verb, times)) for verb in verbs)


CASES: Mapping[str, tuple[Rule, ...]] = {
    "429 with Retry-After": _each(Refusal(429, retry_after=1)),
    "429": _each(Refusal(429)),
    "500": _each(Refusal(500)),
    "503": _each(Refusal(503)),
    "409": _each(Refusal(409), verbs=_WRITES),
    "410": _each(Refusal(410)),
    "403 for a while": _each(Refusal(403), every=1, times=12),
    "404 for a while": _each(Refusal(404), every=1, times=12),
    "404 of a load balancer": _each(Refusal(404, page=_PAGE)),
    "a page that is no answer": _each(Refusal(502, page="<html>Bad gateway</html>")),
    "a login page": _each(Refusal(200, page="<html>Please log in</html>")),
    "half an answer": _each(Refusal(200, page='{"metadata": {"name": "n')),
    "answer lost": _each(Lost()),
    "answer late": _each(Slow(after=6.0), every=4, times=6),
    "call late": _each(Slow(before=6.0), every=4, times=6, verbs=_WRITES),
}


@pytest.fixture(scope="module")
def crowded(theatre: Theatre) -> Iterator[tuple[Stage, Mapping[str, Future[Mapping[str, End]]]]]:
    """All cases at once, each in its namespace."""
    with stage(theatre, count=len(CASES)) as crowd, ThreadPoolExecutor(len(CASES)) as pool:
        by_case = dict(zip(CASES, crowd.namespaces, strict=True))
        with serving(crowd, ALONE):
            for case, rules in CASES.items():
                for rule in rules:
                    rule.path = f"/namespaces/{by_case[case].name}/{_OURS}"
                crowd.proxy.add(*rules)
            yield crowd, {case: pool.submit(perform, theatre, by_case[case]) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_it_ends_as_on_a_good_day(
    crowded: tuple[Stage, Mapping[str, Future[Mapping[str, End]]]], undisturbed: Mapping[str, End], case: str
) -> None:
    _, plays = crowded
    assert plays[case].result() == undisturbed
    hits = {rule.verb: rule.hits for rule in CASES[case]}
    assert min(hits["create"], hits["apply"]) >= 3, f"the trouble hardly happened: {hits}"


def test_no_job_was_created_twice(crowded: tuple[Stage, Mapping[str, Future[Mapping[str, End]]]]) -> None:
    crowd, plays = crowded
    for play in plays.values():
        play.result()
    assert created_twice(crowd.proxy.record.calls) == []
