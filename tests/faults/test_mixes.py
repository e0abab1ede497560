"""Long: random mixes of everything that can go wrong, from seeds, so that a failure can be played again."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from tests.faults.stage import ALONE, Stage, Theatre, created_twice, serving, stage
from tests.faults.test_crashes import Reviver
from tools.testing.faults import Crash, Cut, Drop, Duplicate, Fault, Lost, Refusal, Rule, Silence, Slow, StreamError
from tools.testing.scenario import End

_OPTIONS = (ALONE, "--watch-silence=3", "--watch-timeout=10")
_OURS = "/(jobs|shardedcheckpoints|persistentvolumeclaims|pods)"
_STREAMS = "/(jobs|shardedcheckpoints|pods)$"


def _rules(chance: random.Random, reviver: Reviver) -> list[Rule]:
    """A dozen kinds of trouble, each for some calls."""
    calls: list[Fault] = [Refusal(code) for code in (403, 404, 409, 410, 429, 500, 503)]
    calls += [Refusal(429, retry_after=1), Refusal(404, page="404 page not found"), Lost(), Lost()]
    calls += [Slow(after=6), Slow(before=6), Slow(before=0.5), Crash(reviver.ask), Crash(reviver.ask, after=True)]
    streams: list[Fault] = [Refusal(code) for code in (403, 404, 410, 429, 500)]
    for _ in range(3):
        events = chance.randrange(12)
        streams += [StreamError(410, events), StreamError(500, events), Cut(events), Silence(events)]
    streams += [Duplicate(), Drop(chance.randrange(1, 4)), Drop(1, type="DELETED")]
    return [
        *(
            Rule(
                chance.choice(("create", "apply", "delete", "get", "write")),
                _OURS,
                fault,
                nth=chance.randrange(1, 12),
                every=chance.randrange(1, 5),
                times=1 if isinstance(fault, Crash) else chance.randrange(1, 6),
            )
            for fault in chance.sample(calls, 9)
        ),
        *(
            Rule("watch", _STREAMS, fault, nth=chance.randrange(1, 8), times=chance.randrange(1, 4))
            for fault in chance.sample(streams, 5)
        ),
    ]


def _play(disturbed: Stage, seed: int) -> Mapping[str, End]:
    with serving(disturbed, *_OPTIONS) as (operator,), Reviver(operator) as reviver:
        disturbed.proxy.add(*_rules(random.Random(seed), reviver))
        return disturbed.play()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_any_mix_ends_as_on_a_good_day(theatre: Theatre, undisturbed: Mapping[str, End], seed: int) -> None:
    with stage(theatre) as disturbed:
        assert _play(disturbed, seed) == undisturbed
        assert created_twice(disturbed.proxy.record.calls) == []
