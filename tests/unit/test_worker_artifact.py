"""Artifacts on a volume: found, and proven whole or damaged."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import xxhash

from shardwright_worker.artifact.check import check_artifact
from shardwright_worker.artifact.find import find_artifact
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.progress_line import Progress
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.reporting.progress_output import ignore_progress
from tools.testing.tiny_files import KEY, safetensors, write_artifact

PART = "model-rank-1-part-0.safetensors"
RIGHT = {"model.embed": b"\1\1" * 64, "lm_head": b"\1\2" * 32}


def rights() -> dict[str, str]:
    """XXH3 of the tensors that write_artifact writes."""
    return {
        f"{rank}/{name}": xxhash.xxh3_128(bytes([rank, byte]) * count).hexdigest()
        for rank in (0, 1)
        for name, byte, count in (("model.embed", 1, 64), ("lm_head", 2, 32))
    }


def damage(folder: Path, deep: bool = False) -> str:
    with pytest.raises(WorkerFailure) as caught:
        check_artifact(folder, deep, ignore_progress)
    assert caught.value.reason == Reason.ARTIFACT_DAMAGED
    return caught.value.message


def test_a_finished_artifact_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "models" / KEY
    manifest = write_artifact(folder)
    report = find_artifact(tmp_path / "models", KEY, tmp_path)
    assert report is not None
    assert report.path == f"models/{KEY}"
    assert report.manifest_digest == hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest()
    assert (report.bytes, report.files) == (manifest.bytes, 3)
    assert (report.verified_by, report.completed_at) == ("Load", manifest.created_at)


def test_what_is_not_whole_is_not_found(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    assert find_artifact(tmp_path, "f" * 16, tmp_path) is None
    (tmp_path / KEY / PART).write_bytes(b"short")
    assert find_artifact(tmp_path, KEY, tmp_path) is None
    (tmp_path / KEY / PART).unlink()
    assert find_artifact(tmp_path, KEY, tmp_path) is None
    write_artifact(tmp_path / KEY, key="f" * 16)
    assert find_artifact(tmp_path, KEY, tmp_path) is None


def test_a_whole_artifact_passes(tmp_path: Path) -> None:
    write_artifact(tmp_path, xxh3=rights())
    seen: list[Progress] = []
    manifest, note = check_artifact(tmp_path, True, seen.append)
    assert note == ""
    assert seen[-1].bytes_done == seen[-1].bytes_total == manifest.bytes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, f"{PART} is missing"),
        (b"short", f"{PART} has 5 bytes instead of"),
        (safetensors({"model.embed": b"\1\1" * 32, "lm_head": b"\1\2" * 64}), f"{PART}: tensor lm_head is BF16 [64]"),
        (safetensors({"model.embex": b"\1\1" * 64, "lm_head": b"\1\2" * 32}), f"{PART} lacks tensor model.embed"),
        (b"\0" * len(safetensors(RIGHT)), f"{PART} is not a safetensors file but a run of zero bytes"),
    ],
)
def test_sizes_and_headers_are_compared(tmp_path: Path, content: bytes | None, words: str) -> None:
    write_artifact(tmp_path)
    (tmp_path / PART).unlink()
    if content is not None:
        (tmp_path / PART).write_bytes(content)
    assert words in damage(tmp_path)


def test_changed_bytes_are_found_by_a_deep_check_which_names_file_and_tensor(tmp_path: Path) -> None:
    write_artifact(tmp_path, xxh3=rights())
    content = bytearray((tmp_path / PART).read_bytes())
    content[-1] ^= 1
    (tmp_path / PART).write_bytes(content)
    check_artifact(tmp_path, False, ignore_progress)
    assert f"{PART}: tensor lm_head has other bytes" in damage(tmp_path, deep=True)


def test_swapped_tensors_are_both_named(tmp_path: Path) -> None:
    equal = {"a": b"\1\1" * 4, "b": b"\2\2" * 4}
    manifest = write_artifact(tmp_path)
    part = manifest.parts[1]
    tensors = [
        {"name": name, "dtype": "BF16", "shape": [4], "xxh3": xxhash.xxh3_128(data).hexdigest()}
        for name, data in equal.items()
    ]
    wire = json.loads((tmp_path / MANIFEST_NAME).read_text())
    content = safetensors(equal)
    wire["parts"][1] |= {"tensors": tensors, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(wire))
    (tmp_path / part.file).write_bytes(safetensors({"a": equal["b"], "b": equal["a"]}))
    message = damage(tmp_path, deep=True)
    assert "tensor a has other bytes" in message
    assert "tensor b has other bytes" in message


def test_changed_headers_and_metadata_are_found_by_sha256(tmp_path: Path) -> None:
    write_artifact(tmp_path, xxh3=rights())
    (tmp_path / PART).write_bytes((tmp_path / PART).read_bytes().replace(b'"pt"', b'"tf"'))
    (tmp_path / "config.json").write_bytes((tmp_path / "config.json").read_bytes().replace(b"8", b"9"))
    message = damage(tmp_path, deep=True)
    assert f"{PART} has other bytes than recorded" in message
    assert "config.json has other bytes than recorded" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("{}", "key: Field required"),
        ('{"schemaVersion": 99', "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    write_artifact(tmp_path)
    (tmp_path / MANIFEST_NAME).write_text(text)
    assert words in damage(tmp_path)


def test_manifests_of_a_newer_format_and_with_names_that_leave_the_folder(tmp_path: Path) -> None:
    write_artifact(tmp_path)
    wire = json.loads((tmp_path / MANIFEST_NAME).read_text())
    (tmp_path / MANIFEST_NAME).write_text(json.dumps({**wire, "schemaVersion": 2}))
    assert "use a newer one" in damage(tmp_path)
    wire["metadata"][0]["name"] = "../../etc/passwd"
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(wire))
    assert "outside the folder" in damage(tmp_path)


def test_no_artifact_at_all(tmp_path: Path) -> None:
    assert "no such folder" in damage(tmp_path / "none")
    assert "No such file" in damage(tmp_path)
