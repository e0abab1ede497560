"""Files of an artifact that are not what its manifest says."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.artifact.find import find_artifact, find_damage
from shardwright_worker.contract.naming import MANIFEST_NAME
from tests.unit.worker.artifact_cases import damage, rewrite_manifest
from tools.testing.tiny_files import KEY, safetensors, write_artifact

PART = "model-rank-1-part-0.safetensors"
RIGHT = {"model.embed": b"\1\1" * 64, "lm_head": b"\1\2" * 32}

PART, FIRST = "model-rank-1-part-0.safetensors", "model-rank-0-part-0.safetensors"


def _zero(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def _link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _socket(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _other_tensor(path: Path) -> None:
    path.write_bytes(safetensors({"model.embed": b"\1\1" * 64, "lm_tail": b"\1\2" * 32}))


@pytest.mark.parametrize("name", [PART, "config.json", MANIFEST_NAME])
@pytest.mark.parametrize("change", [_zero, _link, _pipe, _folder, _socket, _device, Path.unlink, _other_tensor])
def test_finds_files_of_another_kind_or_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object], name: str
) -> None:
    if (change, name) == (_zero, "config.json"):
        return  # of the same size: only reading every byte shows it
    write_artifact(tmp_path / KEY)
    monkeypatch.chdir(tmp_path / KEY)  # a socket's name must be short
    change(Path(name) if change == _socket else tmp_path / KEY / name)
    assert find_artifact(tmp_path, KEY, tmp_path) is None
    assert find_damage(tmp_path / KEY, KEY)


def test_rejects_a_file_behind_a_linked_folder(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    content = b"{}"
    entry = {"name": "1_Pooling/config.json", "size": 2, "sha256": hashlib.sha256(content).hexdigest()}
    rewrite_manifest(tmp_path / KEY, lambda wire: wire["metadata"].append(entry))
    (tmp_path / "pooling").mkdir()
    (tmp_path / "pooling" / "config.json").write_bytes(content)
    (tmp_path / KEY / "1_Pooling").symlink_to(tmp_path / "pooling")
    assert "1_Pooling/config.json is a link, or behind one" in find_damage(tmp_path / KEY, KEY)
    (tmp_path / KEY / "1_Pooling").unlink()
    shutil.copytree(tmp_path / "pooling", tmp_path / KEY / "1_Pooling")
    assert find_artifact(tmp_path, KEY, tmp_path)


def test_rejects_weights_that_the_manifest_does_not_name(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    shutil.copyfile(tmp_path / KEY / PART, tmp_path / KEY / "model-rank-1-part-1.safetensors")
    assert "model-rank-1-part-1.safetensors is not in the manifest" in find_damage(tmp_path / KEY, KEY)


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
def test_compares_sizes_and_headers(tmp_path: Path, content: bytes | None, words: str) -> None:
    write_artifact(tmp_path)
    (tmp_path / PART).unlink()
    if content is not None:
        (tmp_path / PART).write_bytes(content)
    assert words in damage(tmp_path)
