"""Artifacts are shown to people, and refused to servers that would misread them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from shardwright_worker.artifact.find import read_manifest
from shardwright_worker.artifact.serving import check_for_serving
from shardwright_worker.artifact.show import show_artifact
from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from tests.harness.tiny_files import write_artifact

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
        "model-rank-1-part-0.safetensors",
        "moe_backend=triton",
        "--moe-backend triton",
    ):
        assert words in shown
