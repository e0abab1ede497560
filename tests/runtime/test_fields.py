"""Fields: Kubernetes quantities, and absurd ones that would take minutes to convert."""

from __future__ import annotations

import pytest

from shardwright_operator.kube.convert.fields import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [("40Gi", 40 * 1024**3), ("1500m", 1), ("2k", 2000), ("1e3", 1000), ("5", 5), ("1Ei", 1024**6), ("x", None)],
)
def test_quantities_are_converted(text: str, value: int | None) -> None:
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["1e19", "9999999999Ei", "1e999999999", "NaN", "inf", "1" * 100, "--1"])
def test_absurd_quantities_are_none(text: str) -> None:
    assert quantity(text) is None
