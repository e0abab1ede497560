"""Values that extra engine arguments can have in the supported vLLMs; others are refused before a GPU is taken."""

import json
from collections.abc import Mapping

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason

# Kernel backends differ from release to release: those only vLLM can judge.
_ONE_OF = {
    "runner": ("auto", "generate", "pooling", "draft"),
    "convert": ("auto", "none", "embed", "classify", "reward", "mm_encoder_only"),
    "config_format": ("auto", "hf", "mistral"),
    "model_impl": ("auto", "vllm", "transformers", "terratorch"),
    "safetensors_load_strategy": ("lazy", "eager", "prefetch", "torchao"),
    "language_model_only": ("true", "false"),
}
_COUNTS = ("distributed_timeout_seconds", "max_parallel_loading_workers")


def check_values(extra_args: Mapping[str, str]) -> None:
    """InvalidEngineArguments for the first value that cannot be."""
    for name, value in extra_args.items():
        allowed = _ONE_OF.get(name)
        if allowed and value.lower() not in allowed:
            raise _invalid(f"{name} {value[:80]!r} is none of {', '.join(allowed)}")
        if name in _COUNTS and not (value.isascii() and value.isdigit() and 0 < int(value[:20]) < 10**9):
            raise _invalid(f"{name} {value[:80]!r} is no whole number above 0")
        if name == "limit_mm_per_prompt" and not _is_object(value):
            raise _invalid(f'{name} {value[:80]!r} is no JSON object like {{"image": 2}}')


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _invalid(message: str) -> WorkerFailure:
    return WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"extra argument {message}")
