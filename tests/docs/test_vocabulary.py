"""Code, messages and documentation use the field's terms: no word of tools/vocabulary/banned.py is used anywhere."""

from __future__ import annotations

import re

import pytest

from tools.cluster.paths import ROOT
from tools.vocabulary.banned import BANNED, EXCEPTIONS
from tools.vocabulary.texts import files, hits, hits_in

# The rooms that are reworded so far. `python -m tools.vocabulary` lists what is left in the others.
REWORDED = (
    "operator/",
    "charts/",
    "crds/",
    "examples/",
    "benchmarks/",
    "tests/api/",
    "tests/chart/",
    "tests/unit/api/",
    "tools/vocabulary/",
    "tests/docs/",
    "README.md",
    "SECURITY.md",
    "docs/design",
    "docs/lifecycle",
    "docs/operations",
    "worker/shardwright_worker/artifact/",
    "worker/shardwright_worker/files/",
    "worker/shardwright_worker/hub/",
    "worker/shardwright_worker/prepare/",
    "worker/shardwright_worker/publish/",
    "worker/shardwright_worker/reporting/",
    "worker/shardwright_worker/source/",
    "tests/unit/worker/artifact/",
    "tests/unit/worker/files/",
    "tests/unit/worker/hub/",
    "tests/unit/worker/prepare/",
    "tests/unit/worker/publish/",
    "tests/unit/worker/reporting/",
    "tests/unit/worker/source/",
    "tests/volumes/",
    "worker/shardwright_worker/checks/",
    "worker/shardwright_worker/cli/",
    "worker/shardwright_worker/contract/",
    "worker/shardwright_worker/serving/",
    "tests/unit/worker/checks/",
    "tests/unit/worker/cli/",
    "tests/unit/worker/contract/",
    "tests/unit/worker/serving/",
)


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
    used = [str(hit) for hit in hits(ROOT) if hit.path.startswith(REWORDED)]
    assert used == [], f"{len(used)} uses; `python -m tools.vocabulary` lists them"
