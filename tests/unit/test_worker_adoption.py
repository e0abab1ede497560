"""What is adopted: nothing that contradicts itself, its key, its files or the vLLM that is here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.artifact.find import find_artifact, find_damage
from shardwright_worker.artifact.target_state import MOVING_MANIFEST, TargetState, target_state
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import MANIFEST_LIMIT
from shardwright_worker.contract.naming import DEFAULT_MAX_FILE_SIZE, MANIFEST_NAME, artifact_key
from shardwright_worker.contract.reasons import Reason
from tools.testing.tiny_files import KEY, safetensors, write_artifact

PART, FIRST = "model-rank-1-part-0.safetensors", "model-rank-0-part-0.safetensors"
Change = Callable[[dict[str, Any]], object]


def _rewrite(folder: Path, change: Change) -> None:
    wire = json.loads((folder / MANIFEST_NAME).read_text())
    change(wire)
    (folder / MANIFEST_NAME).write_text(json.dumps(wire))


def _second_part(wire: dict[str, Any], **other: object) -> None:
    wire["parts"].append({**wire["parts"][1], **other})


def _split(wire: dict[str, Any], name: str, tensor: str) -> None:
    """A second part of rank 1, with a tensor that its first has already."""
    tensors = [one for one in wire["parts"][1]["tensors"] if one["name"] == tensor]
    _second_part(wire, part=1, file=name, tensors=tensors)


LIES: dict[str, tuple[Change, str]] = {
    "no parts": (lambda wire: wire.update(parts=[]), "it has no parts"),
    "a rank without parts": (lambda wire: wire["parts"].pop(), "rank 1 has no part, of 2 ranks"),
    "the first rank without parts": (lambda wire: wire["parts"].pop(0), "rank 0 has no part, of 2 ranks"),
    "a rank too many": (
        lambda wire: _second_part(wire, rank=2, ppRank=1, tpRank=0, file="model-rank-0-part-0.safetensors"),
        "rank 2 is not among the 2",
    ),
    "ranks mixed up": (lambda wire: wire["parts"][1].update(tpRank=0), "is recorded as rank 1, tensor 0, stage 0"),
    "a part left out": (
        lambda wire: wire["parts"][1].update(part=1, file="model-rank-1-part-1.safetensors"),
        "the parts of rank 1 are not numbered from 0",
    ),
    "a part twice": (lambda wire: _second_part(wire), "is named twice"),
    "another name": (lambda wire: wire["parts"][1].update(file="weights.safetensors"), "is not the name of part"),
    "a pattern that is none": (lambda wire: wire.update(filePattern="{part"), "is not the name of part"),
    "a pattern of a gigabyte": (
        lambda wire: wire.update(filePattern="{rank}-{part:>999999999}.safetensors"),
        "is not the name of part",
    ),
    "a tensor twice": (
        lambda wire: _split(wire, "model-rank-1-part-1.safetensors", "lm_head"),
        "tensor lm_head is in two places of rank 1",
    ),
    "an empty part": (lambda wire: wire["parts"][1].update(size=0), "is recorded as empty"),
    "no digest": (lambda wire: wire["parts"][1].update(sha256=""), f"{PART} has no SHA-256"),
    "no such level": (lambda wire: wire["verification"].update(level="Skipped"), "verification.level"),
    "no configuration": (lambda wire: wire.update(metadata=[]), "it has no config.json"),
    "the manifest in itself": (
        lambda wire: wire["metadata"].append({**wire["metadata"][0], "name": MANIFEST_NAME}),
        "shardwright.json is named twice",
    ),
    "another source": (lambda wire: wire["source"].update(digest="e" * 64), "its manifest is not that of"),
    "other settings": (lambda wire: wire["engine"]["settings"].update(dtype="float16"), "its manifest is not that of"),
    "overrides that are no JSON": (
        lambda wire: wire["engine"]["settings"].update(hfOverrides="["),
        "its manifest is not that of",
    ),
    "another image": (lambda wire: wire["engine"].update(image="engine:2"), "its manifest is not that of"),
    "another part size": (lambda wire: wire.update(maxFileSize=1), "its manifest is not that of"),
    "another key": (lambda wire: wire.update(key="f" * 16), "its manifest is not that of"),
    "a name that leaves": (lambda wire: wire["metadata"][0].update(name="../config.json"), "outside the folder"),
    "a huge size": (lambda wire: wire["parts"][0].update(size=10**400), "cannot be read: parts.0.size"),
    "a size below zero": (lambda wire: wire["metadata"][0].update(size=-1), "cannot be read: metadata.0.size"),
    "a rank of a billion": (lambda wire: wire["parts"][0].update(rank=2**30), "cannot be read: parts.0.rank"),
    "ranks without end": (
        lambda wire: wire["engine"]["settings"].update(tensorParallelSize=10**12),
        "cannot be read: engine.settings.tensorParallelSize",
    ),
    "many ranks": (
        lambda wire: wire["engine"]["settings"].update(tensorParallelSize=2**20, pipelineParallelSize=2**20),
        "rank 2 has no part, of 1099511627776 ranks",
    ),
    "a long text": (lambda wire: wire["engine"].update(accelerator="x" * 10_000), "engine.accelerator"),
    "a shape without end": (
        lambda wire: wire["parts"][0]["tensors"][0].update(shape=[1] * 100),
        "parts.0.tensors.0.shape",
    ),
}


@pytest.mark.parametrize(("change", "words"), LIES.values(), ids=LIES.keys())
def test_a_manifest_that_lies_is_not_adopted(tmp_path: Path, change: Change, words: str) -> None:
    write_artifact(tmp_path / KEY)
    assert find_artifact(tmp_path, KEY, tmp_path)
    _rewrite(tmp_path / KEY, change)
    assert find_artifact(tmp_path, KEY, tmp_path) is None
    assert words in find_damage(tmp_path / KEY, KEY)
    assert target_state(tmp_path / KEY, KEY) == TargetState.DAMAGED


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
def test_files_that_are_not_what_the_manifest_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object], name: str
) -> None:
    if (change, name) == (_zero, "config.json"):
        return  # of the same size: only reading every byte tells
    write_artifact(tmp_path / KEY)
    monkeypatch.chdir(tmp_path / KEY)  # a socket's name must be short
    change(Path(name) if change == _socket else tmp_path / KEY / name)
    assert find_artifact(tmp_path, KEY, tmp_path) is None
    assert find_damage(tmp_path / KEY, KEY)


def test_a_file_behind_a_linked_folder_is_not_in_the_artifact(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    content = b"{}"
    entry = {"name": "1_Pooling/config.json", "size": 2, "sha256": hashlib.sha256(content).hexdigest()}
    _rewrite(tmp_path / KEY, lambda wire: wire["metadata"].append(entry))
    (tmp_path / "pooling").mkdir()
    (tmp_path / "pooling" / "config.json").write_bytes(content)
    (tmp_path / KEY / "1_Pooling").symlink_to(tmp_path / "pooling")
    assert "1_Pooling/config.json is a link, or behind one" in find_damage(tmp_path / KEY, KEY)
    (tmp_path / KEY / "1_Pooling").unlink()
    shutil.copytree(tmp_path / "pooling", tmp_path / KEY / "1_Pooling")
    assert find_artifact(tmp_path, KEY, tmp_path)


def test_weights_that_the_manifest_does_not_name_would_be_loaded(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    shutil.copyfile(tmp_path / KEY / PART, tmp_path / KEY / "model-rank-1-part-1.safetensors")
    assert "model-rank-1-part-1.safetensors is not in the manifest" in find_damage(tmp_path / KEY, KEY)


def test_a_manifest_without_end_is_not_read(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    with (tmp_path / KEY / MANIFEST_NAME).open("r+b") as file:
        file.truncate(MANIFEST_LIMIT + 1)
    assert f"has more than {MANIFEST_LIMIT} bytes" in find_damage(tmp_path / KEY, KEY)


@pytest.mark.parametrize(
    "settings",
    [
        EngineSettings(),
        EngineSettings(tensor_parallel_size=4),
        EngineSettings(pipeline_parallel_size=2),
        EngineSettings(tensor_parallel_size=2, pipeline_parallel_size=3, hf_overrides='{"a": 1}'),
    ],
)
def test_artifacts_of_all_layouts_are_adopted(tmp_path: Path, settings: EngineSettings) -> None:
    key = write_artifact(tmp_path / "made", settings=settings).key
    (tmp_path / "made").rename(tmp_path / key)
    assert find_artifact(tmp_path, key, tmp_path)


def test_another_release_of_vllm_is_refused(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    assert find_artifact(tmp_path, KEY, tmp_path, "0.32.0")
    assert find_artifact(tmp_path, KEY, tmp_path, "0.32.0+cpu")
    for version in ("0.33.0", "0.32.1", "0.32.0rc1"):
        with pytest.raises(WorkerFailure) as refused:
            find_artifact(tmp_path, KEY, tmp_path, version)
        assert refused.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
        assert f"was made with vLLM 0.32.0, and {version} is installed here" in refused.value.message
        assert "digest" in refused.value.message


def test_without_an_image_the_release_of_vllm_is_in_the_key(tmp_path: Path) -> None:
    settings = EngineSettings(tensor_parallel_size=2)
    facts = ("d" * 64, settings, "", "", DEFAULT_MAX_FILE_SIZE)
    keys = [artifact_key(*facts, version) for version in ("0.32.0", "0.33.0", "")]
    assert len({*keys}) == 3
    assert artifact_key(*facts, "0.32.0+cpu") == keys[0]
    for key in keys:
        write_artifact(tmp_path / key, key=key, image="")
    adopted = [find_artifact(tmp_path, key, tmp_path) is not None for key in keys]
    assert adopted == [True, False, True]  # the manifest says 0.32.0, or prepare did not know any


def test_the_default_pattern_has_the_key_of_none() -> None:
    settings = EngineSettings()
    given = artifact_key("d", settings, "", "model-rank-{rank}-part-{part}.safetensors", 1)
    assert given == artifact_key("d", settings, "", "", 1)


def test_what_has_the_name_is_told_apart(tmp_path: Path) -> None:
    folder = tmp_path / KEY
    assert target_state(folder, KEY) == TargetState.FREE
    folder.mkdir()
    assert target_state(folder, KEY) == TargetState.EMPTY
    (folder / "notes").write_text("mine")
    assert target_state(folder, KEY) == TargetState.FOREIGN
    write_artifact(tmp_path / "made")
    shutil.copyfile(tmp_path / "made" / MANIFEST_NAME, folder / MOVING_MANIFEST)
    assert target_state(folder, KEY) == TargetState.MOVING
    (folder / MOVING_MANIFEST).write_text("{")
    assert target_state(folder, KEY) == TargetState.FOREIGN
    (folder / "notes").unlink()
    assert target_state(folder, KEY) == TargetState.MOVING
    shutil.rmtree(folder)
    folder.write_text("a file")
    assert target_state(folder, KEY) == TargetState.FOREIGN
