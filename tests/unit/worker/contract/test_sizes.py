"""Parsing and formatting of sizes in bytes."""

from __future__ import annotations

import pytest

from shardwright_worker.contract.sizes import format_quantity, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("5368709120", 5 * 2**30),
        ("5Gi", 5 * 2**30),
        ("5GiB", 5 * 2**30),
        ("500M", 500_000_000),
        ("0.5Gi", 2**29),
        ("1.5 ki", 1536),
    ],
)
def test_parses_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "-5", "0", "5Pi", "5 5", "1e9", "5i"])
def test_rejects_text_that_is_not_a_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


def test_formats_sizes() -> None:
    shown = [format_size(size) for size in (0, 999, 2048, 5 * 2**30, 3 * 2**40)]
    assert shown == ["0 B", "999 B", "2.0 KiB", "5.0 GiB", "3.0 TiB"]


def test_quantities_have_the_same_digits() -> None:
    shown = [format_quantity(size) for size in (0, 999, 2048, 5 * 2**30, 3 * 2**50)]
    assert shown == ["0", "999", "2.0Ki", "5.0Gi", "3072.0Ti"]
