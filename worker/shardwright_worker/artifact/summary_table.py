"""The table that ends `shard` on a terminal: what was made, where, how fast, and the command that serves it."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from shardwright_worker.artifact.artifact_facts import layout, loads_how, serving_command, size, verified_how
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.progress_line import LOAD_STEPS
from shardwright_worker.contract.text import one_line

_MAX_COMMAND = 65536  # characters
_TOTAL = "shard"  # the name of the whole run among the durations of a report


def print_summary(manifest: Manifest, folder: Path, durations: Mapping[str, float], console: Console) -> None:
    """Print the artifact in `folder`, the seconds of each stage by a report's names, and the command that serves it."""
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("artifact", str(folder)),
        ("size", size(manifest)),
        ("layout", layout(manifest)),
        ("verified", verified_how(manifest.verification)),
        ("loads", loads_how(manifest.measured)),
    ):
        if value:
            table.add_row(Text(name, style="bold"), Text(one_line(value, 4096), overflow="fold"))
    console.print(Group(Text(), table, Text(), _stages(manifest, durations), Text()))
    # Not wrapped, so that it can be copied as one line.
    console.print(Text(one_line(serving_command(manifest, folder), _MAX_COMMAND)), soft_wrap=True)


def _stages(manifest: Manifest, durations: Mapping[str, float]) -> Table:
    stages = {name: seconds for name, seconds in durations.items() if name != _TOTAL}
    total = durations.get(_TOTAL)
    table = Table(_title(manifest, stages, total), "seconds", "GB/s", box=None, header_style="bold", pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, seconds in stages.items():
        shown = f"  {name}" if name in LOAD_STEPS else name
        done = 0 if name == "load" and LOAD_STEPS[-1] in stages else _bytes_of(name, manifest)
        rate = f"{done / seconds / 1e9:.2f}" if done and seconds else ""
        table.add_row(Text(one_line(shown)), f"{seconds:.1f}", rate)
    if total is not None:
        table.add_row("this run", f"{total:.1f}", "")
    return table


def _title(manifest: Manifest, stages: Mapping[str, float], total: float | None) -> str:
    """Return the heading of the stages; those of an artifact that was found took longer than this run."""
    if total is not None and sum(seconds for name, seconds in stages.items() if name not in LOAD_STEPS) > total:
        return f"stage, as made at {one_line(manifest.created_at, 64)}"
    return "stage"


def _bytes_of(stage: str, manifest: Manifest) -> int:
    """Return the bytes that a stage reads or writes; 0 where they are not known."""
    match stage:
        case "digest" | "load" | "readWeights":
            return sum(file.size for file in manifest.source.files)
        case "save":
            return sum(part.size for part in manifest.parts)
        case "verify":
            return manifest.bytes
    return 0
