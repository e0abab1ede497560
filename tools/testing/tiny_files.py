"""Builds tiny safetensors files, models and artifacts for tests of the worker."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.manifest import Engine, FileDigest, Manifest, Part, Source, Tensor, Verification
from shardwright_worker.contract.naming import DEFAULT_MAX_FILE_SIZE, MANIFEST_NAME, artifact_key
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "num_hidden_layers": 4,
    "torch_dtype": "bfloat16",
}
TOKENIZER = {"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 0}}}
FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"


def safetensors(tensors: Mapping[str, bytes]) -> bytes:
    """Return a safetensors file of BF16 vectors, given as bytes by name.

    https://github.com/huggingface/safetensors#format
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, content in tensors.items():
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": "BF16", "shape": [len(content) // 2], "data_offsets": offsets}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def model_files(config: Mapping[str, Any] = CONFIG) -> dict[str, bytes]:
    """Return a model in two weights files: content by file name."""
    first = {"model.embed": b"\x01\x02" * 64, "model.layers.0.w": b"\x03\x04" * 32}
    second = {"model.layers.1.w": b"\x05\x06" * 32, "lm_head": b"\x07\x08" * 64}
    index = {"metadata": {}, "weight_map": {**dict.fromkeys(first, FIRST), **dict.fromkeys(second, SECOND)}}
    return {
        "config.json": json.dumps(config).encode(),
        "tokenizer.json": json.dumps(TOKENIZER).encode(),
        INDEX: json.dumps(index).encode(),
        FIRST: safetensors(first),
        SECOND: safetensors(second),
    }


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files to the folder, and return the folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def write_artifact(
    folder: Path,
    *,
    key: str = "",
    created_at: str = "2026-01-02T03:04:05Z",
    settings: EngineSettings | None = None,
    source_digest: str = "d" * 64,
    image: str = "engine:1",
    xxh3: Mapping[str, str] | None = None,
) -> Manifest:
    """Write a published artifact with one part per rank, and return its manifest.

    `key`: instead of the key that follows from the rest, as of a forged manifest. `xxh3`: digests of tensors by
    RANK/NAME, empty otherwise.
    """
    settings = settings or EngineSettings(tensor_parallel_size=2)
    files, parts = {"config.json": json.dumps(CONFIG).encode()}, []
    for rank in range(settings.world_size):
        part, content = _part(settings, rank, xxh3 or {})
        files[part.file] = content
        parts.append(part)
    manifest = Manifest(
        key=key or key_of(settings, source_digest, image),
        created_at=created_at,
        source=Source(digest=source_digest, revision="c" * 40, repo="org/model"),
        engine=_engine(settings, image),
        file_pattern=default_file_pattern(settings.pipeline_parallel_size),
        max_file_size=DEFAULT_MAX_FILE_SIZE,
        parts=parts,
        metadata=[_digest("config.json", files["config.json"])],
        verification=Verification(level="Load", vllm_version="0.32.0", tensors=4),
        duration_seconds={"load": 1.5},
    )
    write_files(folder, {**files, MANIFEST_NAME: json.dumps(manifest.to_wire()).encode()})
    return manifest


def _part(settings: EngineSettings, rank: int, xxh3: Mapping[str, str]) -> tuple[Part, bytes]:
    tensors = {"model.embed": bytes([rank, 1]) * 64, "lm_head": bytes([rank, 2]) * 32}
    content = safetensors(tensors)
    pp_rank, tp_rank = divmod(rank, settings.tensor_parallel_size)
    pattern = default_file_pattern(settings.pipeline_parallel_size)
    part = Part(
        file=pattern.format(rank=tp_rank, tp_rank=tp_rank, pp_rank=pp_rank, part=0),
        rank=rank,
        tp_rank=tp_rank,
        pp_rank=pp_rank,
        part=0,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        tensors=[
            Tensor(name=name, dtype="BF16", shape=[len(data) // 2], xxh3=xxh3.get(f"{rank}/{name}", ""))
            for name, data in tensors.items()
        ],
    )
    return part, content


def _engine(settings: EngineSettings, image: str) -> Engine:
    return Engine(
        settings=settings,
        image=image,
        vllm_version="0.32.0",
        torch_version="2.13.0",
        accelerator="NVIDIA H100 80GB HBM3",
        dtype="torch.bfloat16",
    )


def _digest(name: str, content: bytes) -> FileDigest:
    return FileDigest(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def key_of(settings: EngineSettings, source_digest: str = "d" * 64, image: str = "engine:1") -> str:
    """Return the key of an artifact that `write_artifact` writes."""
    return artifact_key(source_digest, settings, image, "", DEFAULT_MAX_FILE_SIZE)


KEY = key_of(EngineSettings(tensor_parallel_size=2))
