"""Compares a server's engine settings with those of the shards, by what they mean to vLLM."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from shardwright_worker.contract.engine_settings import EngineSettings, canonical_dtype, overrides_of
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.text import one_line
from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS, Argument, Effect, canonical
from shardwright_worker.serving.position_overrides import deciding

SHOWN = 200  # characters of a value in a message
_DEFAULT = "default"
_UNKNOWN = Argument("", default="")


class Compared(NamedTuple):
    """The result: sentences of what differs, and of what may differ."""

    differences: list[str]
    unknown: list[str]


def compare_settings(
    manifest: Manifest, engine: EngineSettings, kernels: Mapping[str, Any], own_quantization: str
) -> Compared:
    """Return the differences. `kernels`: a server's --kernel-config. `own_quantization`: the checkpoint's method."""
    extra = {name: kernels[name] for name in ("moe_backend", "linear_backend") if isinstance(kernels.get(name), str)}
    extra |= engine.extra_args
    made = manifest.engine.settings
    names = sorted(name for name in made.extra_args.keys() | extra.keys() if _of(name).effect is Effect.SHARDS)
    pairs = {name: (_extra(name, made.extra_args), _extra(name, extra)) for name in names}
    may_be_alike = {name for name, pair in pairs.items() if {*pair} == {_DEFAULT, _of(name).usual}}
    all_pairs = [
        *_named(manifest, engine, own_quantization),
        *((name, *pair) for name, pair in pairs.items() if name not in may_be_alike),
    ]
    return Compared(
        [differs(_flag(name), had, asked) for name, had, asked in all_pairs if had != asked],
        [
            differs(_flag(name), *pairs[name]) + ": whether these are the same is not known"
            for name in sorted(may_be_alike)
        ],
    )


def differs(flag: str, had: object, asked: object) -> str:
    """Return the sentence for a difference."""
    return f"{flag} is {one_line(str(asked), SHOWN)}, the shards were made with {one_line(str(had), SHOWN)}"


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
        pairs.append(("dtype", canonical_dtype(manifest.engine.dtype), canonical_dtype(engine.dtype)))
    if engine.quantization and engine.quantization != made.quantization:
        pairs.append(("quantization", manifest.engine.quantization or "none", engine.quantization))
    if not engine.quantization and made.quantization.lower() not in ("", own.lower()):
        pairs.append(("quantization", made.quantization, "not given"))
    return pairs


def _of(name: str) -> Argument:
    return EXTRA_ARGUMENTS.get(name, _UNKNOWN)


def _extra(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        return _DEFAULT
    value = canonical(_of(name), values[name])
    return (_kinds_left_out(value) if name == "limit_mm_per_prompt" else value) or _DEFAULT


def _kinds_left_out(text: str) -> str:
    """Return which kinds of input a server takes none of, so that it loads no encoder for them; empty if it takes all.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/config/multimodal.py#L695
    """
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
    return f"none of {', '.join(none)}" if none else ""


def _overrides(settings: EngineSettings, tensors: set[str]) -> str:
    value = deciding(overrides_of(settings.hf_overrides), tensors)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
