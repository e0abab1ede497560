"""Estimates how many bytes the parts of an artifact will take."""

from collections.abc import Mapping
from typing import Any

from shardwright_worker.checks.model_limits import text_config
from shardwright_worker.checks.source_quantization import is_quantized
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.source.weights import Weights

_DTYPE_BYTES = {"float32": 4, "float": 4, "float16": 2, "half": 2, "bfloat16": 2}


def expected_bytes(weights: Weights, stored: int, config: Mapping[str, Any], engine: EngineSettings) -> int:
    """Return the bytes of the parts, from the tensors that the weight files hold.

    They take what the source stores, unless the requested dtype changes the width of its floating-point tensors.
    """
    width = _DTYPE_BYTES.get(engine.dtype)
    if not weights.float_elements or width is None or is_quantized(config):
        return stored
    return weights.float_elements * width + weights.other_bytes


def expected_bytes_from_config(stored: int, config: Mapping[str, Any], engine: EngineSettings) -> int:
    """Return the same before the weights are there: the width is that of the dtype in config.json."""
    width = _DTYPE_BYTES.get(engine.dtype)
    text = text_config(config)
    named = text.get("dtype") or text.get("torch_dtype") or config.get("dtype") or config.get("torch_dtype")
    before = _DTYPE_BYTES.get(named) if isinstance(named, str) else None
    if width is None or before is None or is_quantized(config):
        return stored
    return stored * width // before
