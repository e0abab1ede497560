"""Values of extra engine arguments that no supported vLLM takes are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.source_cases import rejection
from tools.testing.tiny_files import model_files


@pytest.mark.parametrize(
    "argument",
    [
        "runner=nonsense",
        "convert=",
        "config_format=gguf",
        "model_impl=onnx",
        "safetensors_load_strategy=fast",
        "language_model_only=maybe",
        "distributed_timeout_seconds=-5",
        "distributed_timeout_seconds=9999999999",
        "max_parallel_loading_workers=two",
        "limit_mm_per_prompt=image",
        "limit_mm_per_prompt=" + "[" * 5000,
    ],
)
def test_values_that_no_vllm_takes(tmp_path: Path, argument: str) -> None:
    name, _, value = argument.partition("=")
    failure = rejection(tmp_path, model_files(), EngineSettings(extra_args={name: value}))
    assert failure.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert name in failure.message
