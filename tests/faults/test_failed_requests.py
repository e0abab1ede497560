"""Requests that are rejected, late or lost. One operator serves a namespace for each kind of fault, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.faults.testbed import (
    NO_ELECTION,
    SharedCluster,
    Testbed,
    jobs_created_twice,
    new_testbed,
    run_checked,
    running_operators,
)
from tools.testing.fault_rules import Rule
from tools.testing.faults import Delay, ErrorResponse, Fault, LostResponse
from tools.testing.scenario import FinalState

_RESOURCES = "(jobs|shardedcheckpoints|persistentvolumeclaims|pods)"
_WRITES = ("create", "apply", "delete")
_ALL = (*_WRITES, "get")


def _each(fault: Fault, every: int = 2, times: int = 20, verbs: tuple[str, ...] = _ALL) -> tuple[Rule, ...]:
    """Return rules that inject the fault into every `every`th request of each of these verbs, the first included."""
    # A resource has one Job to delete: more than a few rejections of that would only prolong the test.
    limits = {"delete": 3, "get": 6}
    return tuple(Rule(verb, _RESOURCES, fault, every=every, times=limits.get(verb, times)) for verb in verbs)


CASES: Mapping[str, tuple[Rule, ...]] = {
    "429 with Retry-After": _each(ErrorResponse(429, retry_after=1)),
    "429": _each(ErrorResponse(429)),
    "500": _each(ErrorResponse(500)),
    "503": _each(ErrorResponse(503)),
    "409": _each(ErrorResponse(409), verbs=_WRITES),
    "410": _each(ErrorResponse(410)),
    "403 for a while": _each(ErrorResponse(403), every=1, times=12),
    "404 for a while": _each(ErrorResponse(404), every=1, times=12),
    "404 of a load balancer": _each(ErrorResponse(404, page="404 page not found\n")),
    "502 with an HTML page": _each(ErrorResponse(502, page="<html>Bad gateway</html>")),
    "200 with a login page": _each(ErrorResponse(200, page="<html>Please log in</html>")),
    "200 with truncated JSON": _each(ErrorResponse(200, page='{"metadata": {"name": "n')),
    "response lost": _each(LostResponse()),
    "response late": _each(Delay(after=6.0), every=4, times=6),
    "request late": _each(Delay(before=6.0), every=4, times=6, verbs=_WRITES),
}
Runs = Mapping[str, Future[Mapping[str, FinalState]]]


@pytest.fixture(scope="module")
def running(cluster: SharedCluster) -> Iterator[tuple[Testbed, Runs]]:
    """All cases at once, each in its namespace."""
    with new_testbed(cluster, count=len(CASES)) as testbed, ThreadPoolExecutor(len(CASES)) as pool:
        by_case = dict(zip(CASES, testbed.namespaces, strict=True))
        with running_operators(testbed, NO_ELECTION):
            for case, rules in CASES.items():
                for rule in rules:
                    rule.path = f"/namespaces/{by_case[case].name}/{_RESOURCES}"
                testbed.proxy.add(*rules)
            yield testbed, {case: pool.submit(run_checked, cluster, by_case[case]) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_final_states_are_those_of_the_baseline(
    running: tuple[Testbed, Runs], baseline: Mapping[str, FinalState], case: str
) -> None:
    _, runs = running
    assert runs[case].result() == baseline
    hits = {rule.verb: rule.hits for rule in CASES[case]}
    assert min(hits["create"], hits["apply"]) >= 3, f"the fault hit hardly any request: {hits}"


def test_no_job_is_created_twice(running: tuple[Testbed, Runs]) -> None:
    testbed, runs = running
    for run in runs.values():
        run.result()
    assert jobs_created_twice(testbed.proxy.log.requests) == []
