"""The folders of a sentence-transformers model."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.source.listing import Listing
from shardwright_worker.source.selection import is_metadata, select_downloads
from tests.unit.worker.source_cases import DENSE, POOLING, inspect_source, sentence_transformers_files
from tools.testing.tiny_files import model_files, write_files


def names(listing: Listing) -> set[str]:
    return {file.name for file in listing.files}


def test_named_folders_are_part_of_the_source_with_their_weights(tmp_path: Path) -> None:
    files = sentence_transformers_files(POOLING, DENSE)
    listing, _reason, message = inspect_source(write_files(tmp_path, files))
    assert message == ""
    assert names(listing) == {*files}
    assert set(select_downloads(files, [], [], {})) == {*files}
    assert is_metadata("2_Projection/model.safetensors", 10**9, ["1_Pooling", "2_Projection"])
    assert not is_metadata("2_Projection/model.safetensors", 10, [])


@pytest.mark.parametrize(
    ("missing", "modules", "reason", "words"),
    [
        ("1_Pooling/config.json", [POOLING], Reason.SOURCE_INCOMPLETE, "1_Pooling/config.json is missing"),
        ("2_Projection/config.json", [DENSE], Reason.SOURCE_INCOMPLETE, "2_Projection/config.json is missing"),
        ("2_Projection/model.safetensors", [DENSE], Reason.SOURCE_INCOMPLETE, "the projection's weights"),
        ("", [{**DENSE, "path": "../other"}], Reason.SOURCE_CORRUPT, "outside the folder"),
        ("", [{**DENSE, "path": "/etc"}], Reason.SOURCE_CORRUPT, "outside the folder"),
        ("", [{**DENSE, "path": 7}], Reason.SOURCE_CORRUPT, "is not a string"),
    ],
)
def test_rejects_modules_that_cannot_work(
    tmp_path: Path, missing: str, modules: list[dict[str, str]], reason: Reason, words: str
) -> None:
    files = sentence_transformers_files(*modules)
    files.pop(missing, None)
    _listing, found, message = inspect_source(write_files(tmp_path, files))
    assert words in message
    assert found == reason


@pytest.mark.parametrize("content", [b"[1]", b"{", b"[" * 5000, b'"x"', b" " * (2 * 1024 * 1024)])
def test_rejects_a_file_that_is_not_valid(tmp_path: Path, content: bytes) -> None:
    _listing, reason, message = inspect_source(write_files(tmp_path, {**model_files(), "modules.json": content}))
    assert reason == Reason.SOURCE_CORRUPT
    assert "modules.json" in message
