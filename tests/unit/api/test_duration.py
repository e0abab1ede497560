"""Durations of the spec are read as seconds."""

from __future__ import annotations

import pytest

from shardwright_operator.api.duration import seconds


@pytest.mark.parametrize(
    ("text", "expected"), [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("45s", 45), ("1h1m1s", 3661)]
)
def test_durations_are_read(text: str, expected: int) -> None:
    assert seconds(text) == expected
