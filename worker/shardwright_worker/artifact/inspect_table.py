"""The tables that `inspect` prints: what an artifact is, how it was made and verified, and every file in it."""

import json
import shlex

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.sizes import format_size
from shardwright_worker.contract.text import one_line
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern

_MAX_VALUE = 16384  # characters of one value, such as overrides


def print_artifact(manifest: Manifest, console: Console) -> None:
    """Print the tables of an artifact."""
    console.print(Group(_facts(manifest), Text(), _ranks(manifest), Text(), _files(manifest)))


def _facts(manifest: Manifest) -> Table:
    engine, source, proof = manifest.engine, manifest.source, manifest.verification
    settings = engine.settings
    parallel = f"tp={settings.tensor_parallel_size} pp={settings.pipeline_parallel_size}"
    parallel += " ep" if settings.enable_expert_parallel else ""
    rows = {
        "artifact": manifest.key,
        "created": manifest.created_at,
        "source": " ".join(filter(None, (source.repo, source.revision or source.digest))),
        "layout": f"{parallel}, parts up to {format_size(manifest.max_file_size)}",
        "weights": " ".join(filter(None, (engine.dtype, engine.quantization))),
        "engine": f"vLLM {engine.vllm_version}, torch {engine.torch_version}, {engine.accelerator}",
        "image": engine.image,
        "backends": " ".join(filter(None, (engine.moe_backend, engine.linear_backend))),
        "overrides": settings.hf_overrides,
        "arguments": " ".join(f"{name}={value}" for name, value in sorted(settings.extra_args.items())),
        "verified": _proof(proof.level, proof.vllm_version, proof.tensors),
        "size": f"{format_size(manifest.bytes)} in {manifest.files} files",
        "durations": ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in manifest.duration_seconds.items()),
        "serve with": shlex.join(
            ("--load-format", "sharded_state", *settings.serving_arguments(), *_pattern(manifest))
        ),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        if value:
            table.add_row(Text(name, style="bold"), Text(one_line(value, _MAX_VALUE), overflow="fold"))
    return table


def _pattern(manifest: Manifest) -> list[str]:
    if manifest.file_pattern == default_file_pattern(manifest.engine.settings.pipeline_parallel_size):
        return []
    return ["--model-loader-extra-config", json.dumps({"pattern": manifest.file_pattern})]


def _proof(level: str, vllm_version: str, tensors: int) -> str:
    text = {
        "digests": "by reading its bytes again",
        "load": "by loading it with the stock loader",
        "generate": "by loading it with the stock loader, and by generated tokens",
    }.get(level.lower(), level)
    return text + (f" of vLLM {vllm_version}" if vllm_version else "") + (f", {tensors} tensors" if tensors else "")


def _ranks(manifest: Manifest) -> Table:
    table = Table("rank", "tp", "pp", "parts", "tensors", "size", box=None, header_style="bold")
    for rank in sorted({part.rank for part in manifest.parts}):
        parts = [part for part in manifest.parts if part.rank == rank]
        tensors = sum(len(part.tensors) for part in parts)
        size = format_size(sum(part.size for part in parts))
        row = (rank, parts[0].tp_rank, parts[0].pp_rank, len(parts), tensors)
        table.add_row(*(str(value) for value in row), size)
    return table


def _files(manifest: Manifest) -> Table:
    table = Table("file", "size", "SHA-256", box=None, header_style="bold")
    for part in manifest.parts:
        table.add_row(_name(part.file), format_size(part.size), _name(part.sha256[:16]))
    for file in manifest.metadata:
        table.add_row(_name(file.name), format_size(file.size), _name(file.sha256[:16]))
    return table


def _name(text: str) -> Text:
    """Return a name without control characters for a terminal."""
    return Text(one_line(text))
