"""Compares a server's engine settings with those that shards were made with, by what they mean to vLLM."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from shardwright_worker.contract.engine_settings import READING_ONLY, EngineSettings, overrides_of
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.text import clean
from shardwright_worker.serving.position_overrides import deciding

SHOWN = 200
_DTYPE_NAMES = {"half": "float16", "float": "float32"}
_DEFAULTS = {"language_model_only": "false", "limit_mm_per_prompt": "{}", "code_revision": ""}
# What `auto` becomes for most models. A manifest does not say what it became.
_USUAL = {"config_format": "hf", "convert": "none", "model_impl": "vllm", "runner": "generate"}
_NOT_COMPARED = {*READING_ONLY, "distributed_timeout_seconds"}


class Compared(NamedTuple):
    """Sentences of what differs, and of what may."""

    differences: list[str]
    unknown: list[str]


def compare_settings(
    manifest: Manifest, engine: EngineSettings, kernels: Mapping[str, Any], own_quantization: str
) -> Compared:
    """`kernels`: a server's --kernel-config. `own_quantization`: what the checkpoint's configuration names."""
    extra = {name: kernels[name] for name in ("moe_backend", "linear_backend") if isinstance(kernels.get(name), str)}
    extra |= engine.extra_args
    made = manifest.engine.settings
    names = sorted((made.extra_args.keys() | extra.keys()) - _NOT_COMPARED)
    pairs = {name: (_extra(name, made.extra_args), _extra(name, extra)) for name in names}
    may_be_alike = {name for name, pair in pairs.items() if {*pair} == {"default", _USUAL.get(name)}}
    all_pairs = [
        *_named(manifest, engine, own_quantization),
        *((name, *pair) for name, pair in pairs.items() if name not in may_be_alike),
    ]
    return Compared(
        [differs(_flag(name), had, asked) for name, had, asked in all_pairs if had != asked],
        [
            differs(_flag(name), *pairs[name]) + ": whether that is the same could not be compared"
            for name in sorted(may_be_alike)
        ],
    )


def differs(flag: str, had: object, asked: object) -> str:
    """The sentence for a difference."""
    return f"{flag} is {clean(str(asked), SHOWN)}, the shards were made with {clean(str(had), SHOWN)}"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _named(manifest: Manifest, engine: EngineSettings, own: str) -> list[tuple[str, object, object]]:
    made = manifest.engine.settings
    tensors = {tensor.name for part in manifest.parts for tensor in part.tensors}
    pairs: list[tuple[str, object, object]] = [
        ("tensor_parallel_size", made.tensor_parallel_size, engine.tensor_parallel_size),
        ("pipeline_parallel_size", made.pipeline_parallel_size, engine.pipeline_parallel_size),
        ("enable_expert_parallel", made.enable_expert_parallel, engine.enable_expert_parallel),
        ("hf_overrides", _overrides(made, tensors), _overrides(engine, tensors)),
    ]
    if engine.dtype != "auto":
        pairs.append(("dtype", _dtype(manifest.engine.dtype), _dtype(engine.dtype)))
    if engine.quantization and engine.quantization != made.quantization:
        pairs.append(("quantization", manifest.engine.quantization or "none", engine.quantization))
    if not engine.quantization and made.quantization.lower() not in ("", own.lower()):
        pairs.append(("quantization", made.quantization, "not given"))
    return pairs


def _extra(name: str, values: Mapping[str, str]) -> str:
    default = _DEFAULTS.get(name, "auto")
    value = str(values.get(name, default))
    if name == "limit_mm_per_prompt":
        return _left_out(value)
    if name.endswith("_backend"):
        value = value.lower().replace("-", "_")
    return "default" if value.lower() == default else value.lower() if name == "language_model_only" else value


def _left_out(text: str) -> str:
    """The kinds of input that a server takes none of: their encoders are not loaded. Other limits decide nothing."""
    try:
        limits = json.loads(text)
    except (ValueError, RecursionError):
        return text
    counts = (
        {kind: one.get("count", 1) if isinstance(one, dict) else one for kind, one in dict(limits).items()}
        if isinstance(limits, dict)
        else {}
    )
    none = sorted(kind for kind, count in counts.items() if count == 0)
    return f"none of {', '.join(none)}" if none else "default"


def _overrides(settings: EngineSettings, tensors: set[str]) -> str:
    value = deciding(overrides_of(settings.hf_overrides), tensors)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _dtype(name: str) -> str:
    plain = name.removeprefix("torch.")
    return _DTYPE_NAMES.get(plain, plain)
