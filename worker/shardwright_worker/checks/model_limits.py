"""Compares the engine settings with the model's configuration, with vLLM's messages, before an accelerator is taken."""

import json
from collections.abc import Mapping
from typing import Any

from shardwright_worker.checks.model_numbers import EXPERTS, HEADS, KEY_VALUE_HEADS, LAYERS, invalid, number, possible
from shardwright_worker.checks.model_splits import check_splits
from shardwright_worker.contract.engine_settings import EngineSettings

_DEEPEST = 8  # configurations nested in each other
_TEXT_CONFIGS = ("text_config", "llm_config", "language_config", "thinker_config")


def quantization_of(config: Mapping[str, Any], text: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration of the model's quantization; empty without one."""
    for place in (config, text):
        for name in ("quantization_config", "compression_config"):
            value = place.get(name)
            if isinstance(value, Mapping) and value:
                return value
    return {}


def check_limits(config: Mapping[str, Any], engine: EngineSettings) -> None:
    """Check that heads, layers and experts can be split as the settings ask.

    Raises:
        WorkerFailure: InvalidEngineArguments if they cannot.
    """
    config = with_overrides(config, engine.hf_overrides)
    text = text_config(config)
    _check_heads(text, engine.tensor_parallel_size)
    layers = number(text, LAYERS)
    if layers is not None and engine.pipeline_parallel_size > layers:
        raise invalid(
            f"pipeline parallel size ({engine.pipeline_parallel_size}) must not exceed the number of layers ({layers})"
        )
    if engine.enable_expert_parallel:
        _check_experts(text, engine.tensor_parallel_size)
    check_splits(text, quantization_of(config, text), engine)


def text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a configuration that describes the language model."""
    for _ in range(_DEEPEST):
        inner = next((config[name] for name in _TEXT_CONFIGS if _is_language_model(config.get(name))), None)
        if inner is None:
            break
        config = inner
    return config


def _is_language_model(value: object) -> bool:
    return isinstance(value, Mapping) and number(value, HEADS + LAYERS) is not None


def with_overrides(config: Mapping[str, Any], hf_overrides: str) -> dict[str, Any]:
    """Return the configuration with vLLM's --hf-overrides merged over it."""
    return _merged(config, json.loads(hf_overrides)) if hf_overrides else dict(config)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _check_heads(text: Mapping[str, Any], size: int) -> None:
    heads = number(text, HEADS)
    if heads is None:
        return
    if heads % size:
        raise invalid(
            f"Total number of attention heads ({heads}) must be divisible by tensor parallel size ({size}); "
            f"possible values are {possible(heads)}"
        )
    shared = number(text, KEY_VALUE_HEADS)
    latent = text.get("kv_lora_rank") is not None  # MLA has no heads of keys and values to split
    if shared is None or latent or shared % size == 0 or size % shared == 0:
        return
    raise invalid(
        f"number of key and value heads ({shared}) must be divisible by tensor parallel size ({size}), "
        "or the size by that number"
    )


def _check_experts(text: Mapping[str, Any], ranks: int) -> None:
    per_kind = next((text[name] for name in EXPERTS if isinstance(text.get(name), list) and text[name]), None)
    experts = number(text, EXPERTS) or (number({"experts": per_kind[0]}, ("experts",)) if per_kind else None)
    blocks = text.get("block_configs") or text.get("moe")  # models whose layers differ, and Mistral's own format
    if experts is None and not blocks:
        raise invalid(
            "Number of experts in the model must be greater than 0 when expert parallelism is enabled: "
            "this model has none, so set enableExpertParallel to false"
        )
    if experts is not None and experts < ranks:
        raise invalid(f"{experts} experts cannot be spread over {ranks} ranks: lower the tensor parallel size")
