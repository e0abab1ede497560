"""Engine settings that cannot be are refused by the source's configuration alone, in vLLM's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.quantization import ONLINE, ONLINE_IF_PLAIN, UNSAVABLE
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
def test_settings_that_do_fit(tmp_path: Path, config: dict[str, Any], engine: dict[str, Any]) -> None:
    check(tmp_path, model_files({**CONFIG, **config}), EngineSettings(**engine))


@pytest.mark.parametrize(
    ("config", "quantization", "words"),
    [
        *(({"quantization_config": {"quant_method": name}}, "", why) for name, why in UNSAVABLE.items()),
        *(({}, name, why) for name, why in UNSAVABLE.items()),
        *(({}, name, "quantize the model first") for name in (*ONLINE, *ONLINE_IF_PLAIN)),
        *(
            ({"quantization_config": {"quant_method": "fp8"}}, name, "the model is quantized: leave it out")
            for name in ONLINE
        ),
        ({"quantization_config": {"load_in_4bit": True}}, "", "bitsandbytes"),
        ({"text_config": {**CONFIG, "quantization_config": {"quant_method": "gguf"}}}, "", "a file format of its own"),
    ],
)
def test_quantisations_that_shards_cannot_hold(
    tmp_path: Path, config: dict[str, Any], quantization: str, words: str
) -> None:
    failure = refusal(tmp_path, model_files({**CONFIG, **config}), EngineSettings(quantization=quantization))
    assert failure.reason == Reason.UNSUPPORTED_QUANTIZATION
    assert words in failure.message


def test_a_wider_dtype_needs_more_room(tmp_path: Path) -> None:
    write_files(tmp_path, model_files())
    values = 64 + 32 + 32 + 64
    assert check(tmp_path, {}, EngineSettings(dtype="float32")).expected_bytes == values * 4
    assert check(tmp_path, {}, EngineSettings(dtype="half")).expected_bytes == values * 2
