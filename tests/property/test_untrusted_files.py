"""Untrusted files: whatever they hold, reading ends with a result or with a failure reason."""

from __future__ import annotations

import json
import struct
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.checks.model_limits import check_limits
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.files.file_signature import find_pickle_damage
from shardwright_worker.files.safetensors_header import HeaderError, read_header
from tools.testing.tiny_files import safetensors

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 20) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
ENTRIES = st.dictionaries(
    st.text(max_size=4),
    st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["BF16", "F32", "U8", "NEW"]),
            "shape": st.lists(st.integers(-1, 4), max_size=3),
            "data_offsets": st.lists(st.integers(-1, 40), min_size=1, max_size=3),
        }
    )
    | JSON,
    max_size=4,
)
NAMES = (
    "num_attention_heads",
    "num_key_value_heads",
    "num_hidden_layers",
    "num_experts",
    "text_config",
    "kv_lora_rank",
)


@given(st.binary(max_size=80) | ENTRIES.map(lambda header: _file(header)))
def test_reads_or_rejects_any_header(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        find_pickle_damage(Path(file.name))
        try:
            entries = read_header(Path(file.name))
        except HeaderError:
            return
        assert all(0 <= entry.begin <= entry.end <= len(content) for entry in entries.values())


@given(st.dictionaries(st.text(min_size=1), st.binary(max_size=20).map(lambda data: data * 2), max_size=5))
def test_reads_back_a_written_header(tensors: dict[str, bytes]) -> None:
    tensors.pop("__metadata__", None)
    with tempfile.NamedTemporaryFile() as file:
        content = safetensors(tensors)
        Path(file.name).write_bytes(content)
        entries = read_header(Path(file.name))
        assert {name: content[entry.begin : entry.end] for name, entry in entries.items()} == tensors


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_reads_or_rejects_any_manifest(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / MANIFEST_NAME).write_bytes(content)
        try:
            read_manifest(Path(folder))
        except WorkerFailure:
            return
        raise AssertionError("that was not a manifest")


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_accepts_or_rejects_any_configuration(config: dict[str, object], tp: int, pp: int, experts: bool) -> None:
    settings = EngineSettings(tensor_parallel_size=tp, pipeline_parallel_size=pp, enable_expert_parallel=experts)
    try:
        check_limits(config, settings)
    except WorkerFailure:
        return


def _file(header: object) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(40)
