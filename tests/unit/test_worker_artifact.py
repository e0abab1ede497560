"""Artifacts on a volume: found, checked, shown, pruned, and refused to servers that would misread them."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
import xxhash
from rich.console import Console

from shardwright_worker.artifact.check import check_artifact
from shardwright_worker.artifact.find import artifact_keys, finished_artifact, read_manifest
from shardwright_worker.artifact.prune import prune
from shardwright_worker.artifact.serving import check_for_serving
from shardwright_worker.artifact.show import show_artifact
from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.progress import Progress
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.terminal import silent
from tests.harness.tiny_files import safetensors, write_artifact

KEY = "0123456789abcdef"
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
        check_artifact(folder, deep, silent)
    assert caught.value.reason == Reason.ARTIFACT_DAMAGED
    return caught.value.message


def test_a_finished_artifact_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "models" / KEY
    manifest = write_artifact(folder)
    report = finished_artifact(tmp_path / "models", KEY, tmp_path)
    assert report is not None
    assert report.path == f"models/{KEY}"
    assert report.manifest_digest == hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest()
    assert (report.bytes, report.files) == (manifest.bytes, 3)
    assert (report.verified_by, report.completed_at) == ("Load", manifest.created_at)


def test_what_is_not_whole_is_not_found(tmp_path: Path) -> None:
    write_artifact(tmp_path / KEY)
    assert finished_artifact(tmp_path, "f" * 16, tmp_path) is None
    (tmp_path / KEY / PART).write_bytes(b"short")
    assert finished_artifact(tmp_path, KEY, tmp_path) is None
    (tmp_path / KEY / PART).unlink()
    assert finished_artifact(tmp_path, KEY, tmp_path) is None
    write_artifact(tmp_path / KEY, key="f" * 16)
    assert finished_artifact(tmp_path, KEY, tmp_path) is None


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
        (b"\0" * len(safetensors(RIGHT)), f"{PART} is no safetensors file but a run of zero bytes"),
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
    check_artifact(tmp_path, False, silent)
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


def fill(output: Path) -> list[str]:
    """Four artifacts, oldest first."""
    keys = [letter * 16 for letter in "dbca"]
    for day, key in enumerate(keys):
        write_artifact(output / key, key=key, created_at=f"2026-01-0{day + 1}T00:00:00Z")
    return keys


def test_the_newest_and_the_protected_stay(tmp_path: Path) -> None:
    oldest, second, third, newest = fill(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / ("e" * 16)).mkdir()  # a folder that only looks like an artifact
    done = prune(tmp_path, 2, {oldest})
    assert artifact_keys(tmp_path) == sorted([oldest, third, newest])
    assert done["removed"] == second
    assert done["kept"] == "3"
    assert done["freed"].endswith("KiB") or done["freed"].endswith(" B")
    assert list((tmp_path / ".staging").iterdir()) == []
    assert (tmp_path / "notes").is_dir()
    assert (tmp_path / ("e" * 16)).is_dir()


def test_nothing_to_prune(tmp_path: Path) -> None:
    keys = fill(tmp_path)
    assert prune(tmp_path, 4, ()) == {"kept": "4", "removed": "", "freed": "0 B"}
    assert artifact_keys(tmp_path) == sorted(keys)
    assert prune(tmp_path / "none", 1, ())["kept"] == "0"


def test_an_artifact_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    oldest, *_ = fill(tmp_path)
    (tmp_path / ".staging").write_text("a file where the folder should be")
    done = prune(tmp_path, 3, ())
    assert done["notRemoved"] == oldest
    assert oldest in artifact_keys(tmp_path)


MADE = EngineSettings(tensor_parallel_size=2, extra_args={"load_format": "pt", "moe_backend": "triton"})


@pytest.mark.parametrize(
    ("engine", "vllm", "accelerator", "words"),
    [
        ({"tensor_parallel_size": 1}, "", "", "--tensor-parallel-size is 1, the shards were made with 2"),
        ({"pipeline_parallel_size": 2}, "", "", "--pipeline-parallel-size is 2"),
        ({"enable_expert_parallel": True}, "", "", "--enable-expert-parallel is True"),
        ({"dtype": "float16"}, "", "", "--dtype is float16, the shards were made with bfloat16"),
        ({"quantization": "fp8"}, "", "", "--quantization is fp8, the shards were made with none"),
        ({"hf_overrides": '{"a": 1}'}, "", "", "--hf-overrides"),
        ({"extra_args": {}}, "", "", "--moe-backend is default, the shards were made with triton"),
        ({}, "0.33.1", "", "vLLM is 0.33.1, the shards were made with 0.32.0"),
        ({}, "", "NVIDIA A100-SXM4-80GB", "the accelerator is NVIDIA A100"),
        ({}, "", "NVIDIA B200", "the accelerator is NVIDIA B200"),
    ],
)
def test_servers_that_must_not_load_it(
    tmp_path: Path, engine: dict[str, object], vllm: str, accelerator: str, words: str
) -> None:
    manifest = write_artifact(tmp_path, settings=MADE)
    with pytest.raises(WorkerFailure) as caught:
        check_for_serving(manifest, MADE.model_copy(update=engine), vllm, accelerator)
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("engine", "vllm", "accelerator"),
    [
        ({}, "", ""),
        ({"dtype": "bfloat16"}, "0.32.4+cpu", "NVIDIA H200"),
        ({"extra_args": {"moe_backend": "triton", "safetensors_load_strategy": "lazy"}}, "0.32.0", "NVIDIA H100 PCIe"),
    ],
)
def test_servers_that_may(tmp_path: Path, engine: dict[str, object], vllm: str, accelerator: str) -> None:
    manifest = write_artifact(tmp_path, settings=MADE)
    check_for_serving(manifest, MADE.model_copy(update=engine), vllm, accelerator)


def test_an_artifact_is_shown(tmp_path: Path) -> None:
    write_artifact(tmp_path, settings=MADE)
    stream = io.StringIO()
    show_artifact(read_manifest(tmp_path), Console(file=stream, width=200))
    shown = stream.getvalue()
    for words in (
        "org/model",
        "tp=2 pp=1",
        "vLLM 0.32.0",
        "stock loader",
        PART,
        "moe_backend=triton",
        "--moe-backend triton",
    ):
        assert words in shown
