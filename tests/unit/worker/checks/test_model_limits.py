"""Engine settings that do not fit the model are refused by its configuration, with vLLM's messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.preflight import Preflight, check_source
from shardwright_worker.source.listing import list_source
from tools.testing.tiny_files import CONFIG, model_files, write_files

Files = dict[str, bytes]


def check(folder: Path, files: Files, engine: EngineSettings | None = None) -> Preflight:
    engine = engine or EngineSettings()
    return check_source(list_source(write_files(folder, files), engine.extra_args), engine)


def refusal(folder: Path, files: Files, engine: EngineSettings | None = None) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        check(folder, files, engine)
    return caught.value


@pytest.mark.parametrize(
    ("config", "engine", "words"),
    [
        (
            {},
            {"tensor_parallel_size": 3},
            "Total number of attention heads (8) must be divisible by tensor parallel size (3)",
        ),
        ({"num_key_value_heads": 6, "num_attention_heads": 24}, {"tensor_parallel_size": 4}, "key and value heads (6)"),
        ({}, {"pipeline_parallel_size": 5}, "must not exceed the number of layers (4)"),
        ({}, {"enable_expert_parallel": True}, "Number of experts in the model must be greater than 0"),
        (
            {"num_local_experts": 4},
            {"enable_expert_parallel": True, "tensor_parallel_size": 8},
            "4 experts cannot be spread over 8 ranks",
        ),
        ({}, {"quantization": "awq"}, "Cannot find the config file for awq"),
        ({}, {"hf_overrides": '{"num_attention_heads": 6}', "tensor_parallel_size": 4}, "attention heads (6)"),
        ({"text_config": {"num_attention_heads": 5}}, {"tensor_parallel_size": 2}, "attention heads (5)"),
    ],
)
def test_settings_that_do_not_fit_the_model(
    tmp_path: Path, config: dict[str, Any], engine: dict[str, Any], words: str
) -> None:
    failure = refusal(tmp_path, model_files({**CONFIG, **config}), EngineSettings(**engine))
    assert failure.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert words in failure.message


@pytest.mark.parametrize(
    ("config", "engine"),
    [
        ({}, {"tensor_parallel_size": 8}),  # more ranks than key and value heads: they are repeated
        ({"num_key_value_heads": 1}, {"tensor_parallel_size": 4}),
        ({"num_key_value_heads": [4, 2]}, {"tensor_parallel_size": 8}),
        ({"kv_lora_rank": 512, "num_key_value_heads": 3}, {"tensor_parallel_size": 4}),
        ({"n_routed_experts": 8}, {"enable_expert_parallel": True, "tensor_parallel_size": 8}),
        ({"quantization_config": {"quant_method": "fp8"}}, {"quantization": "fp8"}),
        ({"quantization_config": {"quant_method": "mxfp8"}}, {}),
        ({"text_config": {"num_attention_heads": 16, "num_key_value_heads": 16}}, {"tensor_parallel_size": 16}),
        ({"num_attention_heads": 0, "num_key_value_heads": None}, {"tensor_parallel_size": 2}),
    ],
)
def test_settings_that_fit_the_model(tmp_path: Path, config: dict[str, Any], engine: dict[str, Any]) -> None:
    check(tmp_path, model_files({**CONFIG, **config}), EngineSettings(**engine))
