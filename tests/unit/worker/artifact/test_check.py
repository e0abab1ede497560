"""Checking every byte of an artifact."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import xxhash

from shardwright_worker.artifact.check import check_artifact
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.progress_line import Progress
from shardwright_worker.reporting.progress_output import ignore_progress
from tests.unit.worker.artifact_cases import damage
from tools.testing.tiny_files import safetensors, write_artifact

PART = "model-rank-1-part-0.safetensors"


def tensor_digests() -> dict[str, str]:
    """XXH3 of the tensors that write_artifact writes."""
    return {
        f"{rank}/{name}": xxhash.xxh3_128(bytes([rank, byte]) * count).hexdigest()
        for rank in (0, 1)
        for name, byte, count in (("model.embed", 1, 64), ("lm_head", 2, 32))
    }


def test_accepts_a_complete_artifact(tmp_path: Path) -> None:
    write_artifact(tmp_path, xxh3=tensor_digests())
    seen: list[Progress] = []
    manifest, note = check_artifact(tmp_path, True, seen.append)
    assert note == ""
    assert seen[-1].bytes_done == seen[-1].bytes_total == manifest.bytes


def test_names_file_and_tensor_of_changed_bytes(tmp_path: Path) -> None:
    write_artifact(tmp_path, xxh3=tensor_digests())
    content = bytearray((tmp_path / PART).read_bytes())
    content[-1] ^= 1
    (tmp_path / PART).write_bytes(content)
    check_artifact(tmp_path, False, ignore_progress)
    assert f"{PART}: tensor lm_head has other bytes" in damage(tmp_path, deep=True)


def test_names_both_of_two_swapped_tensors(tmp_path: Path) -> None:
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


def test_finds_changed_headers_and_metadata_by_sha256(tmp_path: Path) -> None:
    write_artifact(tmp_path, xxh3=tensor_digests())
    (tmp_path / PART).write_bytes((tmp_path / PART).read_bytes().replace(b'"pt"', b'"tf"'))
    (tmp_path / "config.json").write_bytes((tmp_path / "config.json").read_bytes().replace(b"8", b"9"))
    message = damage(tmp_path, deep=True)
    assert f"{PART} has other bytes than recorded" in message
    assert "config.json has other bytes than recorded" in message
