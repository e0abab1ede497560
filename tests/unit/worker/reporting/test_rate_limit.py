"""At most one event per period."""

from __future__ import annotations

from shardwright_worker.reporting.rate_limit import RateLimit


def test_allows_one_event_per_period_and_any_that_must_happen() -> None:
    now = [100.0]
    limit = RateLimit(1.0, lambda: now[0])
    assert limit.allows()
    assert not limit.allows()
    now[0] = 100.9
    assert not limit.allows()
    assert limit.allows(always=True)
    now[0] = 101.5
    assert not limit.allows(), "what must happen counts as well"
    now[0] = 101.9
    assert limit.allows()
