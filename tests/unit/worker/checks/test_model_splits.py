"""The tensor parallel sizes that a model's matrices allow, by size, block and group, with vLLM's messages."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_worker.checks.model_limits import check_limits
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_hidden_layers": 32,
    "vocab_size": 128256,
}


FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}


MOE = {**LLAMA, "model_type": "qwen3_moe", "num_experts": 128, "moe_intermediate_size": 768, "hidden_size": 2048}


MIXTRAL = {**LLAMA, "model_type": "mixtral", "num_local_experts": 8, "vocab_size": 32000}


def ct(*ignore: str, **weights: Any) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": {"type": "int", "num_bits": 4, **weights}}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}, "ignore": list(ignore)}


IN_128 = {"strategy": "group", "group_size": 128}


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({**MIXTRAL, "model_type": "gpt_oss", "num_local_experts": 32},
     {"tensor_parallel_size": 16, "enable_expert_parallel": True}, "num_key_value_heads 8 is not divisible by 16"),
    ({**LLAMA, "intermediate_size": 11009}, {"tensor_parallel_size": 2}, "intermediate_size 11009 is not div"),
    ({**LLAMA, "num_attention_heads": 12, "num_key_value_heads": 12, "hidden_size": 1536, "intermediate_size": 8958,
      "vocab_size": 31990}, {"tensor_parallel_size": 3}, "the vocabulary of 31990 entries, 32000 with padding"),
    ({**LLAMA, "quantization_config": FP8, "intermediate_size": 14336 + 128}, {"tensor_parallel_size": 2},
     "input_size_per_partition = 7232 is not divisible by weight quantization block_k = 128"),
    ({**LLAMA, "quantization_config": FP8, "hidden_size": 512, "num_attention_heads": 8, "num_key_value_heads": 2},
     {"tensor_parallel_size": 2}, "start (1) + length (1) exceeds dimension size (1)"),
    ({**LLAMA, "quantization_config": FP8, "hidden_size": 512, "num_attention_heads": 8, "num_key_value_heads": 4},
     {"tensor_parallel_size": 4}, "start (2) + length (1) exceeds dimension size (2)"),
    ({**LLAMA, "quantization_config": ct(strategy="block", type="float", block_structure=[128, 128]),
      "intermediate_size": 14336 + 128}, {"tensor_parallel_size": 2}, "block_k = 128"),
    ({**LLAMA, "quantization_config": ct(strategy="group", group_size=128), "intermediate_size": 11008},
     {"tensor_parallel_size": 4}, "input_size_per_partition=2752 is not divisible by group_size=128"),
    ({**LLAMA, "quantization_config": {"quant_method": "gptq", "group_size": 128}, "intermediate_size": 11008},
     {"tensor_parallel_size": 4}, "possible values are 1, 2, 43, 86"),
    ({**LLAMA, "quantization_config": {"quant_method": "awq", "q_group_size": 128}, "intermediate_size": 11008},
     {"tensor_parallel_size": 4}, "group_size=128"),
    ({**MOE, "moe_intermediate_size": 770}, {"tensor_parallel_size": 4}, "moe_intermediate_size 770 is not"),
    ({**MOE, "quantization_config": FP8, "moe_intermediate_size": 720}, {"tensor_parallel_size": 2}, "= 360 is not"),
    # Expert widths of Qwen3-30B-A3B and, with the usual modules left out, Qwen3-235B-A22B.
    ({**MOE, "quantization_config": ct(**IN_128)}, {"tensor_parallel_size": 4},
     "partition (192) to be divisible by group_size (128): moe_intermediate_size is 768"),
    ({**MOE, "moe_intermediate_size": 1536, "quantization_config": ct("lm_head", "re:.*mlp.gate$", **IN_128)},
     {"tensor_parallel_size": 8}, "possible values are 1, 2, 3, 4, 6, 12, or any with expert parallelism"),
    ({**MOE, "model_type": "minimax_m2", "moe_intermediate_size": None, "intermediate_size": 1536,
      "quantization_config": ct(**IN_128)}, {"tensor_parallel_size": 8}, "): intermediate_size is 1536"),
    ({**MIXTRAL, "intermediate_size": 14337}, {"tensor_parallel_size": 2}, "intermediate_size 14337 is not"),
    ({**MIXTRAL, "intermediate_size": 14336 + 96, "quantization_config": FP8}, {"tensor_parallel_size": 2},
     "the experts' intermediate_size 14432 is split"),
    # Experts as a whole on each rank, and the vocabulary is split all the same.
    ({**MIXTRAL, "num_attention_heads": 48, "num_key_value_heads": 12, "vocab_size": 31990},
     {"tensor_parallel_size": 3, "enable_expert_parallel": True}, "the vocabulary of 31990 entries"),
    ({"text_config": {**LLAMA, "intermediate_size": 11009}}, {"tensor_parallel_size": 2}, "11009"),
]  # fmt: skip


FINE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (LLAMA, {"tensor_parallel_size": 8}),
    ({**LLAMA, "vocab_size": 32001}, {"tensor_parallel_size": 8}),  # padded to 32064
    ({**LLAMA, "quantization_config": FP8}, {"tensor_parallel_size": 8}),
    ({**LLAMA, "quantization_config": FP8, "intermediate_size": 14336 + 128}, {}),
    # In one piece nothing is split, and pipeline stages split nothing either.
    ({**LLAMA, "intermediate_size": 11009}, {"pipeline_parallel_size": 4}),
    # More ranks than key and value heads of a whole block: each head is repeated.
    ({**LLAMA, "quantization_config": FP8, "num_key_value_heads": 2}, {"tensor_parallel_size": 8}),
    ({**LLAMA, "quantization_config": {**FP8, "ignored_layers": ["model.layers.0.mlp.down_proj"]},
      "intermediate_size": 14336 + 128}, {"tensor_parallel_size": 2}),
    ({**LLAMA, "quantization_config": ct(strategy="group", group_size=128)}, {"tensor_parallel_size": 8}),
    ({**LLAMA, "quantization_config": ct(strategy="group", group_size=128, actorder="group"),
      "intermediate_size": 11008}, {"tensor_parallel_size": 4}),
    ({**LLAMA, "quantization_config": ct(strategy="channel", group_size=None)}, {"tensor_parallel_size": 8}),
    # Act-order: every rank has all scales.
    ({**LLAMA, "quantization_config": {"quant_method": "gptq", "group_size": 128, "desc_act": True},
      "intermediate_size": 11008}, {"tensor_parallel_size": 4}),
    ({**LLAMA, "quantization_config": {"quant_method": "gptq", "group_size": -1}}, {"tensor_parallel_size": 8}),
    # vLLM refines the blocks of experts: 768 / 4 = 192 is not a multiple of 128, but of 64.
    ({**MOE, "quantization_config": FP8}, {"tensor_parallel_size": 4}),
    ({**MOE, "moe_intermediate_size": 770}, {"tensor_parallel_size": 4, "enable_expert_parallel": True}),
    ({**MOE, "quantization_config": ct(**IN_128)}, {"tensor_parallel_size": 4, "enable_expert_parallel": True}),
    ({**MOE, "quantization_config": ct(**IN_128)}, {"tensor_parallel_size": 2}),
    ({**MOE, "quantization_config": ct(**IN_128, actorder="group")}, {"tensor_parallel_size": 4}),
    # vLLM makes groups of these smaller.
    ({**MOE, "quantization_config": {"quant_method": "gptq", "group_size": 128}}, {"tensor_parallel_size": 4}),
    ({**MOE, "quantization_config": {"quant_method": "awq", "group_size": 128}}, {"tensor_parallel_size": 4}),
    # Experts that are not quantized, or may not be.
    *(({**MOE, "quantization_config": ct(name, **IN_128)}, {"tensor_parallel_size": 4}) for name in (
        "model.layers.0.mlp.experts.0.down_proj", "re:.*experts.*", "re:.*", "re:.*(self_attn|mlp).*", "re:(?!.*attn).*"
    )),
    ({**MOE, "moe_intermediate_size": 720,
      "quantization_config": {**FP8, "modules_to_not_convert": ["model.layers.0.mlp.experts"]}},
     {"tensor_parallel_size": 2}),
    ({**MIXTRAL, "quantization_config": ct(**IN_128)}, {"tensor_parallel_size": 8}),
    # The experts' width is not the dense layers'.
    ({**MOE, "intermediate_size": 11009}, {"tensor_parallel_size": 2}),
    ({**MIXTRAL, "model_type": "unknown", "intermediate_size": 14337}, {"tensor_parallel_size": 2}),
    # A family that may build its layers otherwise, and a library that does.
    ({**LLAMA, "model_type": "unknown", "intermediate_size": 11009}, {"tensor_parallel_size": 2}),
    ({**LLAMA, "intermediate_size": 11009}, {"tensor_parallel_size": 2, "extra_args": {"model_impl": "transformers"}}),
    ({**LLAMA, "intermediate_size": [1, 2], "vocab_size": "many"}, {"tensor_parallel_size": 2}),
    # A family whose heads have a width of their own where none is stated: 256 here, not 3840 / 16.
    ({**LLAMA, "model_type": "gemma3_text", "hidden_size": 3840, "num_attention_heads": 16, "num_key_value_heads": 8,
      "intermediate_size": 15360, "quantization_config": ct(strategy="group", group_size=128)},
     {"tensor_parallel_size": 4}),
    # The number of experts of each kind, as vision-language models have it.
    ({**MOE, "num_experts": None, "moe_num_experts": [64, 64]},
     {"tensor_parallel_size": 4, "enable_expert_parallel": True}),
]  # fmt: skip


@pytest.mark.parametrize(("config", "engine", "words"), REFUSED)
def test_matrices_that_cannot_be_split(config: dict[str, Any], engine: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkerFailure) as caught:
        check_limits(config, EngineSettings(**engine))
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert words in caught.value.message


@pytest.mark.parametrize(("config", "engine"), FINE)
def test_matrices_that_can_be_split(config: dict[str, Any], engine: dict[str, Any]) -> None:
    check_limits(config, EngineSettings(**engine))
