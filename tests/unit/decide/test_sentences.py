"""Messages are whole sentences however they are joined, and hold nothing that a terminal would interpret."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from shardwright_operator.decide.sentences import clause, clean, last_lines, sentences
from shardwright_worker.contract.text import is_clean

WORDS = st.lists(st.sampled_from(["disk", "is", "full", "Set", "fsGroup", "3.5Gi", "v1.30", "/a/../b"]), max_size=5)
STOPS = st.sampled_from(["", ".", "..", "?", "!", "…", "...", ";", ",", ":", " .", "?.", "!.", ". "])
PARTS = st.lists(st.builds(lambda words, stop: " ".join(words) + stop, WORDS, STOPS), max_size=5)
TEXTS = st.text(max_size=200) | st.text("\x1b[31mA\x00\n\u202e\ud800 .", max_size=200)


@given(PARTS)
def test_sentences_end_once_and_are_not_repeated(parts: list[str]) -> None:
    joined = sentences(*parts)
    assert joined == joined.strip()
    without_paths = joined.replace("/a/../b", "path").replace("...", "…")
    assert not re.search(r"[.?!…;:,]\s*[.;:,](\s|$)", without_paths), joined
    assert not joined or joined[-1] in ".?!…"
    split = re.split(r"(?<=[.!?…])\s+(?=[A-Z])", joined)
    assert len(split) == len({one.casefold() for one in split}), joined
    assert sentences(joined) == joined
    assert sentences(joined, joined) == joined


@given(PARTS)
def test_no_part_is_lost(parts: list[str]) -> None:
    joined = sentences(*parts)
    for part in parts:
        assert all(word.strip(".?!…;:,") in joined for word in part.split())


@given(TEXTS)
def test_a_clause_may_be_used_inside_a_sentence(text: str) -> None:
    assert not clause(text).endswith((".", ";", ",", ":", " "))


@given(TEXTS, st.integers(20, 100))
def test_texts_of_other_programs_are_one_safe_line(text: str, limit: int) -> None:
    for shown in (clean(text, limit), last_lines(text, limit=limit)):
        assert len(shown) <= limit
        assert is_clean(shown, limit)
        shown.encode()


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=40), min_size=1, max_size=30))
def test_the_last_line_of_a_log_is_always_kept(lines: list[str]) -> None:
    assert lines[-1] in last_lines("\n".join(lines))
