"""An artifact with a lower level than requested is verified again in place; nothing of it is built again."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from tests.engine.conftest import Make
from tools.models import language


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every file but the manifest."""
    states = {path.name: path.stat() for path in folder.iterdir() if path.name != MANIFEST_NAME}
    return {name: (state.st_ino, state.st_mtime_ns) for name, state in states.items()}


def test_a_higher_level_is_verified_in_place(make: Make, output: Path, tmp_path: Path) -> None:
    source = language.add_tokenizer(language.llama(tmp_path / "source"))
    first = make(source, "digests", tensor_parallel_size=2)
    folder = output / first.key
    files, before = _stamps(folder), read_manifest(folder)
    stages: list[str] = []

    def watch(progress: Progress) -> None:
        if progress.stage not in stages:
            stages.append(progress.stage)

    second = make(source, "generate", watch, tensor_parallel_size=2)
    after = read_manifest(folder)
    assert stages == [Stage.LOADING, Stage.VERIFYING, Stage.PUBLISHING]
    assert (second.key, second.verified_by, first.verified_by) == (first.key, "Generate", "Digests")
    assert second.manifest_digest != first.manifest_digest
    assert _stamps(folder) == files
    assert (after.parts, after.metadata, after.created_at) == (before.parts, before.metadata, before.created_at)
    assert sorted(after.verification.runtime_digests) == ["0", "1"]
    assert after.verification.tokens
    assert [path.name for path in output.iterdir()] == [first.key]
    assert make(source, "load", watch, tensor_parallel_size=2) == second


def test_an_artifact_that_fails_stays_as_it_is(make: Make, output: Path, tmp_path: Path) -> None:
    source = language.llama(tmp_path / "source")
    folder = output / make(source, "digests").key
    manifest = (folder / MANIFEST_NAME).read_bytes()
    part = next(folder.glob("*.safetensors"))
    data = bytearray(part.read_bytes())
    data[-5] ^= 0x10
    part.write_bytes(bytes(data))
    with pytest.raises(WorkerFailure) as failed:
        make(source, "load")
    assert failed.value.reason is Reason.VERIFICATION_FAILED
    assert (folder / MANIFEST_NAME).read_bytes() == manifest
    assert part.read_bytes() == bytes(data)
    assert [path.name for path in output.iterdir()] == [folder.name]


def test_an_artifact_of_another_source_fails(make: Make, output: Path, tmp_path: Path) -> None:
    """The folder of the key was made from other weights; it is complete, and loads."""
    source = language.llama(tmp_path / "source")
    other = language.llama(tmp_path / "other", lambda tensors: tensors["model.norm.weight"].mul_(2).sum())
    right, wrong = make(source, "digests"), make(other, "digests")
    ours, theirs = read_manifest(output / right.key), read_manifest(output / wrong.key)
    for file in (output / wrong.key).iterdir():
        file.rename(output / right.key / file.name)
    forged = theirs.model_copy(update={"key": right.key, "source": ours.source})
    (output / right.key / MANIFEST_NAME).write_text(forged.model_dump_json(by_alias=True))
    with pytest.raises(WorkerFailure) as failed:
        make(source, "load")
    assert failed.value.reason is Reason.VERIFICATION_FAILED
    assert "model.norm.weight" in failed.value.message
    assert read_manifest(output / right.key).verification.level == "Digests"
