"""Words for people read well however they are put together, and hold nothing that a terminal would obey."""

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
def test_sentences_end_once_and_are_said_once(parts: list[str]) -> None:
    told = sentences(*parts)
    assert told == told.strip()
    without_paths = told.replace("/a/../b", "path").replace("...", "…")
    assert not re.search(r"[.?!…;:,]\s*[.;:,](\s|$)", without_paths), told
    assert not told or told[-1] in ".?!…"
    split = re.split(r"(?<=[.!?…])\s+(?=[A-Z])", told)
    assert len(split) == len({one.casefold() for one in split}), told
    assert sentences(told) == told
    assert sentences(told, told) == told


@given(PARTS)
def test_no_word_is_lost(parts: list[str]) -> None:
    told = sentences(*parts)
    for part in parts:
        assert all(word.strip(".?!…;:,") in told for word in part.split())


@given(TEXTS)
def test_a_clause_may_stand_in_a_sentence(text: str) -> None:
    assert not clause(text).endswith((".", ";", ",", ":", " "))


@given(TEXTS, st.integers(20, 100))
def test_words_of_others_are_one_line_that_any_terminal_takes(text: str, limit: int) -> None:
    for told in (clean(text, limit), last_lines(text, limit=limit)):
        assert len(told) <= limit
        assert is_clean(told, limit)
        told.encode()


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=40), min_size=1, max_size=30))
def test_the_last_line_of_a_log_is_always_kept(lines: list[str]) -> None:
    assert lines[-1] in last_lines("\n".join(lines))
