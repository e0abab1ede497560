"""Describes an artifact for its tables: layout, size, proof, and the command that serves it."""

import json
import shlex
from pathlib import Path

from shardwright_worker.contract.manifest import Manifest, Verification
from shardwright_worker.contract.measured import Measured
from shardwright_worker.contract.sizes import format_size
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern


def layout(manifest: Manifest) -> str:
    """Return the parallel sizes, and the size of the largest part."""
    settings = manifest.engine.settings
    parallel = f"tp={settings.tensor_parallel_size} pp={settings.pipeline_parallel_size}"
    parallel += " ep" if settings.enable_expert_parallel else ""
    return f"{parallel}, parts up to {format_size(manifest.max_file_size)}"


def size(manifest: Manifest) -> str:
    """Return the size of all files, and their number."""
    return f"{format_size(manifest.bytes)} in {manifest.files} files"


def verified_how(proof: Verification) -> str:
    """Return how the artifact was verified."""
    text = {
        "digests": "by reading its bytes again",
        "load": "by loading it with the stock loader",
        "generate": "by loading it with the stock loader, and by generated tokens",
    }.get(proof.level.lower(), proof.level)
    text += f" of vLLM {proof.vllm_version}" if proof.vllm_version else ""
    return text + (f", {proof.tensors} tensors" if proof.tensors else "")


def loads_how(measured: Measured | None) -> str:
    """Return what a stock vLLM took to load the shards instead of the source; empty if it was not measured."""
    if measured is None:
        return ""
    source, shards = measured.source, measured.shards
    text = f"in {shards.seconds:.1f} s instead of {source.seconds:.1f} s"
    if source.bytes_read is None or shards.bytes_read is None:
        return text
    return f"{text}, {format_size(shards.bytes_read)} read instead of {format_size(source.bytes_read)}"


def serving_flags(manifest: Manifest) -> list[str]:
    """Return the flags of `vllm serve` that load the artifact."""
    settings = manifest.engine.settings
    flags = ["--load-format", "sharded_state", *settings.serving_arguments()]
    if manifest.file_pattern == default_file_pattern(settings.pipeline_parallel_size):
        return flags
    return [*flags, "--model-loader-extra-config", json.dumps({"pattern": manifest.file_pattern})]


def serving_command(manifest: Manifest, folder: Path) -> str:
    """Return the command line that serves the artifact in this folder."""
    return shlex.join(["vllm", "serve", str(folder), *serving_flags(manifest)])
