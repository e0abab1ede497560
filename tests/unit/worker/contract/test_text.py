"""Untrusted text is shown as one harmless line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright_worker.contract.text import abbreviate, clean_lines, is_clean, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is: ü 漢 🎉", "as it is: ü 漢 🎉"),
        ("a\nb\tc\r\nd", "a b c  d"),
        ("x\x1b[2Jy\x07", "x�[2Jy�"),
        ("c1 \x9b31m", "c1 �31m"),
        ("\u202eevil\u2066", "�evil�"),
        ("\ud800", "�"),
        ("zero\u200bwidth", "zero�width"),
        ("line\u2028end", "line end"),
    ],
)
def test_control_characters_are_replaced(text: str, shown: str) -> None:
    assert one_line(text) == shown
    assert is_clean(text) == (text == shown)


def test_long_text_is_cut_with_a_mark() -> None:
    assert len(one_line("x" * 5000)) == 2048
    assert one_line("x" * 5000).endswith("(cut)")
    assert one_line("x" * 20, 10) == "xx … (cut)"
    assert one_line("x" * 20, 3) == " … "
    assert one_line("x" * 20, 0) == ""


@given(st.text(st.characters(codec=None), max_size=3000), st.integers(0, 3000))
def test_clean_text_can_be_shown_and_stays_as_it_is(text: str, limit: int) -> None:
    shown = one_line(text, limit)
    assert len(shown) <= limit
    assert one_line(shown, limit) == shown
    assert not [letter for letter in shown if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")]
    assert not [letter for letter in shown if unicodedata.bidirectional(letter) in ("LRE", "RLE", "LRO", "RLO", "PDF")]
    shown.encode()
    assert clean_lines(text).count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("items", "total", "text"),
    [
        ([], None, ""),
        (["a", "b"], None, "a, b"),
        (["a", "b", "c", "d"], None, "a, b and 2 more"),
        (["a", "b"], 9, "a, b and 7 more"),
    ],
)
def test_long_lists_are_abbreviated(items: list[str], total: int | None, text: str) -> None:
    assert abbreviate(items, 2, total=total) == text
