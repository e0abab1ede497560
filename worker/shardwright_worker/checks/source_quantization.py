"""Refuses quantization that shards cannot hold, as far as the source's files show."""

from collections.abc import Mapping
from typing import Any

from shardwright_worker.checks.model_limits import text_config, with_overrides
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.quantization import ONLINE, ONLINE_IF_UNQUANTIZED, unsavable
from shardwright_worker.source.json_files import QUANTIZATION_FILES
from shardwright_worker.source.listing import Listing


def check_quantization(config: Mapping[str, Any], engine: EngineSettings, listing: Listing) -> None:
    """Check the quantization of the source, and the method that the settings ask for.

    Raises:
        WorkerFailure: UnsupportedQuantization if shards cannot hold it, InvalidEngineArguments for a method whose
            configuration the source lacks.
    """
    config = with_overrides(config, engine.hf_overrides)
    found = method_of(config)
    asked = engine.quantization.lower()
    if message := unsavable(found, "the model's quantization") or unsavable(asked):
        raise _unsupported(message)
    quantized = bool(found) or any(listing.has(name) for name in QUANTIZATION_FILES)
    if not asked or (quantized and asked not in ONLINE):
        return
    if quantized:
        raise _unsupported(
            f"quantization {asked} asks vLLM to quantize while it loads, and the model is quantized: leave it out"
        )
    if asked in (*ONLINE, *ONLINE_IF_UNQUANTIZED):
        raise _unsupported(
            f"quantization {asked} would quantize the model while it is loaded, and such weights cannot be saved: "
            "quantize the model first (for example with llm-compressor) and name the result as source"
        )
    raise WorkerFailure(
        Reason.INVALID_ENGINE_ARGUMENTS,
        f"Cannot find the config file for {asked}: the source is not quantized, so leave quantization out",
    )


def is_quantized(config: Mapping[str, Any]) -> bool:
    """Return whether the configuration says that the weights are quantized."""
    return bool(method_of(config))


def method_of(config: Mapping[str, Any]) -> str:
    """Return the method that the configuration names, in lower case; `unnamed` if it has one without a name.

    Its places: https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/transformers_utils/model_arch_config_convertor.py#L263
    """
    for place in (config, text_config(config)):
        for name in ("quantization_config", "compression_config", "quantization"):
            value = place.get(name)
            if isinstance(value, Mapping) and value:
                if value.get("load_in_4bit") or value.get("load_in_8bit"):
                    return "bitsandbytes"
                return str(value.get("quant_method") or "unnamed").lower()
    return ""


def _unsupported(message: str) -> WorkerFailure:
    return WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, message)
