"""Reading the manifest of an artifact."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shardwright_worker.artifact.find import find_damage
from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.manifest import MANIFEST_LIMIT
from shardwright_worker.contract.naming import MANIFEST_NAME
from tests.unit.worker.artifact_cases import damage
from tools.testing.tiny_files import KEY, write_artifact


def test_rejects_a_manifest_beyond_the_size_limit(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    with (tmp_path / KEY / MANIFEST_NAME).open("r+b") as file:
        file.truncate(MANIFEST_LIMIT + 1)
    assert f"has more than {MANIFEST_LIMIT} bytes" in find_damage(tmp_path / KEY, KEY)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("{}", "key: Field required"),
        ('{"schemaVersion": 99', "cannot be read"),
    ],
)
def test_names_what_is_wrong_with_a_manifest(tmp_path: Path, text: str, words: str) -> None:
    write_artifact(tmp_path)
    (tmp_path / MANIFEST_NAME).write_text(text)
    assert words in damage(tmp_path)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({}, None),
        ({"measured": None}, None),
        ({"measured": {"source": {"seconds": -1}, "shards": {"seconds": 2}}}, None),
        ({"measured": {"source": {"seconds": 3, "bytesRead": 9}, "shards": {"seconds": 2}}}, (3, 9, 2, None)),
    ],
)
def test_a_measurement_may_be_missing_and_one_that_is_invalid_is_left_out(
    tmp_path: Path, written: dict[str, object], read: object
) -> None:
    write_artifact(tmp_path)
    wire = json.loads((tmp_path / MANIFEST_NAME).read_text())
    wire.pop("measured", None)
    (tmp_path / MANIFEST_NAME).write_text(json.dumps({**wire, **written}))
    measured = read_manifest(tmp_path).measured
    assert read == (
        measured
        and (
            measured.source.seconds,
            measured.source.bytes_read,
            measured.shards.seconds,
            measured.shards.bytes_read,
        )
    )


def test_rejects_a_newer_format_and_names_outside_the_folder(tmp_path: Path) -> None:
    write_artifact(tmp_path)
    wire = json.loads((tmp_path / MANIFEST_NAME).read_text())
    (tmp_path / MANIFEST_NAME).write_text(json.dumps({**wire, "schemaVersion": 2}))
    assert "use a newer one" in damage(tmp_path)
    wire["metadata"][0]["name"] = "../../etc/passwd"
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(wire))
    assert "outside the folder" in damage(tmp_path)


def test_names_a_folder_without_a_manifest(tmp_path: Path) -> None:
    assert "no such folder" in damage(tmp_path / "none")
    assert "No such file" in damage(tmp_path)
