"""Refuses quantisations that shards cannot hold, as far as the source's files tell."""

from collections.abc import Mapping
from typing import Any

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.json_files import QUANTIZATION_FILES
from shardwright_worker.prepare.listing import Listing
from shardwright_worker.prepare.model_limits import text_config, with_overrides

_NEVER = {
    "bitsandbytes": "bitsandbytes packs weights while it loads them",
    "gguf": "GGUF has its own file format",
    "deepspeedfp": "vLLM no longer has it",
}
# Methods that quantise while loading if the source is not quantised already.
_ONLINE = {
    "online", "fp8", "fp8_per_tensor", "fp8_per_block", "fp8_per_channel", "int8_per_channel_weight_only",
    "nvfp4_per_token", "mxfp8", "experts_int8", "rtn", "torchao", "tpu_int8", "ptpc_fp8", "inc",
}  # fmt: skip


def check_quantization(config: Mapping[str, Any], engine: EngineSettings, listing: Listing) -> None:
    """UnsupportedQuantization for what cannot be saved, InvalidEngineArguments for a method that the files lack."""
    config = with_overrides(config, engine.hf_overrides)
    found = _found(config)
    if found in _NEVER:
        raise _unsupported(f"the model is quantised with {found}, which cannot be saved as shards: {_NEVER[found]}")
    asked = engine.quantization
    if asked in _NEVER:
        raise _unsupported(f"quantization {asked} cannot be saved as shards: {_NEVER[asked]}")
    if not asked or found or any(listing.has(name) for name in QUANTIZATION_FILES):
        return
    if asked in _ONLINE:
        raise _unsupported(
            f"quantization {asked} would quantise the model while it is loaded, and such weights cannot be saved: "
            "quantise the model first (for example with llm-compressor) and name the result as source"
        )
    raise WorkerFailure(
        Reason.INVALID_ENGINE_ARGUMENTS,
        f"Cannot find the config file for {asked}: the source is not quantised, so leave quantization out",
    )


def is_quantized(config: Mapping[str, Any]) -> bool:
    """Whether the configuration says that the weights are quantised."""
    return bool(_found(config))


def _found(config: Mapping[str, Any]) -> str:
    """The method that the configuration names; `unnamed` if there is a quantisation without a name."""
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
