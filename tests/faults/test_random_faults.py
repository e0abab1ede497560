"""Long: random mixes of all faults, from seeds, so that a failure can be repeated."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from tests.faults.test_operator_crashes import Restarter
from tests.faults.testbed import (
    NO_ELECTION,
    SharedCluster,
    Testbed,
    jobs_created_twice,
    new_testbed,
    running_operators,
)
from tools.testing.fault_rules import Rule
from tools.testing.faults import Crash, Delay, ErrorResponse, Fault, LostResponse
from tools.testing.scenario import FinalState
from tools.testing.watch_faults import DropEvents, DuplicateEvents, StalledWatch, TruncatedWatch, WatchError

_OPTIONS = (NO_ELECTION, "--watch-silence=3", "--watch-timeout=10")
_RESOURCES = "/(jobs|shardedcheckpoints|persistentvolumeclaims|pods)"
_WATCHED = "/(jobs|shardedcheckpoints|pods)$"


def _rules(chance: random.Random, restarter: Restarter) -> list[Rule]:
    """Return rules for a dozen kinds of faults, each for some requests."""
    of_requests: list[Fault] = [ErrorResponse(code) for code in (403, 404, 409, 410, 429, 500, 503)]
    of_requests += [ErrorResponse(429, retry_after=1), ErrorResponse(404, page="404 page not found")]
    of_requests += [LostResponse(), LostResponse(), Delay(after=6), Delay(before=6), Delay(before=0.5)]
    of_requests += [Crash(restarter.request), Crash(restarter.request, after=True)]
    of_watches: list[Fault] = [ErrorResponse(code) for code in (403, 404, 410, 429, 500)]
    for _ in range(3):
        events = chance.randrange(12)
        of_watches += [WatchError(410, events), WatchError(500, events), TruncatedWatch(events), StalledWatch(events)]
    of_watches += [DuplicateEvents(), DropEvents(chance.randrange(1, 4)), DropEvents(1, type="DELETED")]
    return [
        *(
            Rule(
                chance.choice(("create", "apply", "delete", "get", "write")),
                _RESOURCES,
                fault,
                nth=chance.randrange(1, 12),
                every=chance.randrange(1, 5),
                times=1 if isinstance(fault, Crash) else chance.randrange(1, 6),
            )
            for fault in chance.sample(of_requests, 9)
        ),
        *(
            Rule("watch", _WATCHED, fault, nth=chance.randrange(1, 8), times=chance.randrange(1, 4))
            for fault in chance.sample(of_watches, 5)
        ),
    ]


def _run(testbed: Testbed, seed: int) -> Mapping[str, FinalState]:
    with running_operators(testbed, *_OPTIONS) as (operator,), Restarter(operator) as restarter:
        testbed.proxy.add(*_rules(random.Random(seed), restarter))
        return testbed.run()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_final_states_are_those_of_the_baseline(
    cluster: SharedCluster, baseline: Mapping[str, FinalState], seed: int
) -> None:
    with new_testbed(cluster) as testbed:
        assert _run(testbed, seed) == baseline
        assert jobs_created_twice(testbed.proxy.log.requests) == []
