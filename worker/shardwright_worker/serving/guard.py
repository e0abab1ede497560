"""Compares a server with an artifact: vLLM loads shards of other settings, and some of them silently wrong."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import one_line
from shardwright_worker.contract.vllm_support.load_formats import SHARD_FORMATS
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern
from shardwright_worker.serving.accelerator import same_family
from shardwright_worker.serving.serving_settings import SHOWN, compare_settings, differs

_OTHER = ("hf-config-path", "model-class-overrides", "quantization-config", "mm-encoder-only", "mm-encoder-attn-dtype")


def check_for_serving(
    manifest: Manifest,
    engine: EngineSettings,
    vllm: str,
    accelerator: str | Sequence[str],
    beside: Mapping[str, Any] | None = None,
    own_quantization: str = "",
) -> list[str]:
    """Return what could not be compared, one sentence each.

    `vllm` and `accelerator` are the server's, empty if unknown. `beside`: the deciding flags of its command line other
    than `engine`. `own_quantization`: the method in the configuration beside the shards.

    Raises:
        WorkerFailure: InvalidEngineArguments with every difference.
    """
    compared = compare_settings(manifest, engine, (beside or {}).get("kernel-config", {}), own_quantization)
    names = [accelerator] if isinstance(accelerator, str) else accelerator
    differences = [
        *compared.differences,
        *_beside(manifest, engine, beside or {}),
        *_versions(manifest, vllm, [name for name in names if name]),
    ]
    if differences:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, "do not serve this: " + "; ".join(differences))
    return [*compared.unknown, *_unknown(manifest, vllm, [name for name in names if name], beside)]


def _beside(manifest: Manifest, engine: EngineSettings, beside: Mapping[str, Any]) -> list[str]:
    lines = []
    form = str(beside.get("load-format", SHARD_FORMATS[0]))
    if form.lower() not in SHARD_FORMATS:
        lines.append(f"--load-format is {one_line(form, SHOWN)}, shards are read with {' or '.join(SHARD_FORMATS)}")
    default = default_file_pattern(engine.pipeline_parallel_size)
    pattern = beside.get("model-loader-extra-config", {}).get("pattern") or default
    same_default = manifest.file_pattern == default_file_pattern(manifest.engine.settings.pipeline_parallel_size)
    if pattern != manifest.file_pattern and not (same_default and pattern == default):
        lines.append(differs("--model-loader-extra-config pattern", manifest.file_pattern, pattern))
    lines += [f"--{flag} makes another model than the shards hold: leave it out" for flag in _OTHER if beside.get(flag)]
    if engine.tensor_parallel_size > 1 and beside.get("mm-encoder-tp-mode", "weights") != "weights":
        mode = one_line(str(beside["mm-encoder-tp-mode"]), SHOWN)
        lines.append(f"--mm-encoder-tp-mode is {mode}, the shards were made with weights")
    return lines + _parallel(manifest, engine, beside)


def _parallel(manifest: Manifest, engine: EngineSettings, beside: Mapping[str, Any]) -> list[str]:
    """Return what spreads experts or attention over more ranks than the shards have, or in another order."""
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
            f"--eplb-config num_redundant_experts is {one_line(str(redundant), 40)}, the shards hold every expert once"
        )
    placement = str(beside.get("expert-placement-strategy", "linear"))
    if experts and placement != "linear":
        lines.append(f"--expert-placement-strategy is {one_line(placement, 40)}, the shards were made with linear")
    return lines


def _versions(manifest: Manifest, vllm: str, accelerators: list[str]) -> list[str]:
    lines = []
    made = manifest.engine
    # Within a release series parameter names and layouts stay; between two they have changed more than once.
    if vllm and _series(vllm) != _series(made.vllm_version):
        lines.append(
            f"vLLM is {one_line(vllm, SHOWN)}, the shards were made with {one_line(made.vllm_version, SHOWN)}: "
            "use an image of that series, or make the shards again (--serving-vllm sets the server's version, if it is "
            "another one)"
        )
    if accelerators and all(same_family(name, made.accelerator) is False for name in accelerators):
        shown = ", ".join(one_line(name, SHOWN) for name in accelerators)
        lines.append(
            f"the accelerator is {shown}, the shards were made on {one_line(made.accelerator, SHOWN)} "
            "(--serving-accelerator sets the server's, if it is another one)"
        )
    return lines


def _unknown(manifest: Manifest, vllm: str, accelerators: list[str], beside: Mapping[str, Any] | None) -> list[str]:
    lines = []
    if not vllm:
        lines.append("the server's vLLM was not compared: none is installed here; set --serving-vllm VERSION")
    if not accelerators:
        lines.append("the accelerator was not compared: none was found here; set --serving-accelerator NAME")
    elif not all(same_family(name, manifest.engine.accelerator) for name in accelerators):
        shown = one_line(", ".join(accelerators), SHOWN)
        lines.append(
            f"whether {shown} runs the same kernels as {one_line(manifest.engine.accelerator, SHOWN) or 'unknown'} is "
            "not known: set --serving-accelerator NAME"
        )
    if beside is not None and "load-format" not in beside:
        lines.append("--load-format is not set: the server needs sharded_state")
    return lines


def _series(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\d{1,9}", text[:SHOWN])[:2])
