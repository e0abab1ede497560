"""The token bucket, by a clock that the test advances."""

from __future__ import annotations

import pytest

from shardwright_operator.kube.token_bucket import TokenBucket
from tests.runtime.clock import Clock


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(2.0, 3, clock)
    assert [bucket.take() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take() == pytest.approx(0.5)
    clock.advance(0.5)
    assert bucket.take() == 0.0
