"""Code, messages and documentation use the field's terms: no word of tools/vocabulary/banned.py is used anywhere."""

from __future__ import annotations

import re

import pytest

from tools.cluster.paths import ROOT
from tools.vocabulary.banned import BANNED, EXCEPTIONS
from tools.vocabulary.texts import files, hits, hits_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def told_the_operator(): ...", "told the"),
        ("class LookAgain: ...", "LookAgain"),
        ("# the file is no\n# checkpoint", "is no checkpoint"),
        ('raise ValueError("the path is no "\n    "folder")', "is no folder"),
        ("The hub does not answer.", "The hub"),
        ("colourful", "colourful"),
    ],
)
def test_banned_words_are_found(text: str, found: str) -> None:
    (hit,) = hits_in("x.py", text)
    assert found.startswith(hit.text)


@pytest.mark.parametrize(
    "text",
    [
        "There is no such file.",
        "there\nis no file",
        "The artifact is no longer served.",
        "rank=torch.distributed.get_world_size()",
        "K stands for a key",
        "lookup, layout, newsletter, quantized, parallelism, Hugging Face Hub",
    ],
)
def test_ordinary_words_are_not_found(text: str) -> None:
    assert list(hits_in("x.py", text)) == []


def test_every_row_says_what_to_write_and_why() -> None:
    assert [row for row in BANNED if not (row.pattern and row.instead and row.because)] == []


def test_every_exception_is_needed() -> None:
    texts = {path.relative_to(ROOT).as_posix(): path.read_text() for path in files(ROOT)}
    used = [hit for name, text in texts.items() if _may_use(name) for hit in hits_in(name, text)]
    assert [one for one in EXCEPTIONS if not any(one.covers(hit.path, hit.text) for hit in used)] == []


def _may_use(name: str) -> bool:
    return any(re.fullmatch(one.path, name) for one in EXCEPTIONS)


def test_no_banned_word_is_used() -> None:
    used = [str(hit) for hit in hits(ROOT)]
    assert used == [], f"{len(used)} uses; `python -m tools.vocabulary` lists them"
