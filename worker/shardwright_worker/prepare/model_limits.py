"""Compares the engine settings with the model's configuration, in vLLM's words, before a GPU is taken."""

import json
from collections.abc import Mapping
from typing import Any

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason

# Names that model families give to the same number. vLLM resolves them through the model's own class.
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
_KEY_VALUE_HEADS = ("n_head_kv", "num_kv_heads", "num_key_value_heads", "multi_query_group_num", "num_attention_groups")
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_EXPERTS = ("num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts", "num_routed_experts")
_TEXT_CONFIGS = ("text_config", "llm_config", "language_config", "thinker_config")


def check_limits(config: Mapping[str, Any], engine: EngineSettings) -> None:
    """InvalidEngineArguments if heads, layers or experts cannot be split as the settings ask for."""
    config = with_overrides(config, engine.hf_overrides)
    text = text_config(config)
    _check_heads(text, engine.tensor_parallel_size)
    layers = _number(text, _LAYERS)
    if layers is not None and engine.pipeline_parallel_size > layers:
        raise _invalid(
            f"pipeline parallel size ({engine.pipeline_parallel_size}) must not exceed the number of layers ({layers})"
        )
    if engine.enable_expert_parallel:
        _check_experts(text, engine.tensor_parallel_size)


def text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a configuration that describes the language model."""
    for name in _TEXT_CONFIGS:
        inner = config.get(name)
        if isinstance(inner, Mapping) and _number(inner, _HEADS + _LAYERS) is not None:
            return text_config(inner)
    return config


def with_overrides(config: Mapping[str, Any], hf_overrides: str) -> dict[str, Any]:
    """The configuration with vLLM's --hf-overrides merged over it."""
    return _merged(config, json.loads(hf_overrides)) if hf_overrides else dict(config)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _check_heads(text: Mapping[str, Any], size: int) -> None:
    heads = _number(text, _HEADS)
    if heads is None:
        return
    if heads % size:
        raise _invalid(
            f"Total number of attention heads ({heads}) must be divisible by tensor parallel size ({size}); "
            f"possible are {_divisors(heads)}"
        )
    shared = _number(text, _KEY_VALUE_HEADS)
    latent = text.get("kv_lora_rank") is not None  # MLA has no heads of keys and values to split
    if shared is None or latent or shared % size == 0 or size % shared == 0:
        return
    raise _invalid(
        f"number of key and value heads ({shared}) must be divisible by tensor parallel size ({size}), "
        "or the size by that number"
    )


def _check_experts(text: Mapping[str, Any], ranks: int) -> None:
    experts = _number(text, _EXPERTS)
    blocks = text.get("block_configs")  # models whose layers differ keep the number there
    if experts is None and not blocks:
        raise _invalid(
            "Number of experts in the model must be greater than 0 when expert parallelism is enabled: "
            "this model has none, so set enableExpertParallel to false"
        )
    if experts is not None and experts < ranks:
        raise _invalid(f"{experts} experts cannot be spread over {ranks} ranks: lower the tensor parallel size")


def _number(config: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """The first of these that is a positive number; lists (one per layer) say nothing for the whole."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _divisors(number: int) -> str:
    return ", ".join(str(size) for size in range(1, number + 1) if number % size == 0)


def _invalid(message: str) -> WorkerFailure:
    return WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)
