"""The tables that `inspect` prints: what an artifact is, how it was made and verified, and every file in it."""

import shlex

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from shardwright_worker.artifact.artifact_facts import layout, loads_how, serving_flags, size, verified_how
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.sizes import format_size
from shardwright_worker.contract.text import one_line

_MAX_VALUE = 16384  # characters of one value, such as overrides


def print_artifact(manifest: Manifest, console: Console) -> None:
    """Print the tables of an artifact."""
    console.print(Group(_facts(manifest), Text(), _ranks(manifest), Text(), _files(manifest)))


def _facts(manifest: Manifest) -> Table:
    engine, source = manifest.engine, manifest.source
    settings = engine.settings
    rows = {
        "artifact": manifest.key,
        "created": manifest.created_at,
        "source": " ".join(filter(None, (source.repo, source.revision or source.digest))),
        "layout": layout(manifest),
        "weights": " ".join(filter(None, (engine.dtype, engine.quantization))),
        "engine": f"vLLM {engine.vllm_version}, torch {engine.torch_version}, {engine.accelerator}",
        "image": engine.image,
        "backends": " ".join(filter(None, (engine.moe_backend, engine.linear_backend))),
        "overrides": settings.hf_overrides,
        "arguments": " ".join(f"{name}={value}" for name, value in sorted(settings.extra_args.items())),
        "verified": verified_how(manifest.verification),
        "loads": loads_how(manifest.measured),
        "size": size(manifest),
        "durations": ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in manifest.duration_seconds.items()),
        "serve with": shlex.join(serving_flags(manifest)),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        if value:
            table.add_row(Text(name, style="bold"), Text(one_line(value, _MAX_VALUE), overflow="fold"))
    return table


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
