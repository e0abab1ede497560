"""`check --deep` beside `sha256sum` over the same files with as many threads, in turn, files in the page cache."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.worker.writer import make_tensors
from shardwright_worker.artifact.check import THREADS
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.manifest import Part
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.writer.write import write_parts
from tools.testing.tiny_files import write_artifact

CHECK, SHA256SUM, OPENSSL = "shardwright, check --deep", "sha256sum", "openssl dgst -sha256"
_LIMIT = 5 * 1024**3


def measure_check(folder: Path, size: int, runs: int) -> dict[str, dict[str, float]]:
    """Return the median GB/s of each command, and how many times as fast the check is.

    The check also computes XXH3 of every tensor, and its process takes longer to start.
    """
    artifact = folder / "artifact"
    files = _write(artifact, size)
    total = sum(file.stat().st_size for file in files)
    commands = {
        CHECK: [sys.executable, "-m", "shardwright_worker", "check", str(artifact), "--deep"],
        SHA256SUM: _parallel(["sha256sum"], files),
    }
    if shutil.which("openssl"):  # uses the processor's instructions for SHA-256, which not every sha256sum does
        commands[OPENSSL] = _parallel(["openssl", "dgst", "-sha256"], files)
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    _run(commands[SHA256SUM])
    for _ in range(runs):
        for name, command in commands.items():
            seconds[name].append(_run(command))
    shutil.rmtree(artifact)
    ours = median(seconds[CHECK])
    return {
        name: {"GBps": round(total / 1e9 / median(taken), 3), "check is times as fast": round(median(taken) / ours, 2)}
        for name, taken in seconds.items()
    }


def _write(folder: Path, size: int) -> list[Path]:
    """Write an artifact of one rank with about `size` bytes, and return its parts."""
    folder.mkdir()
    manifest = write_artifact(folder, settings=EngineSettings())
    [tiny] = manifest.parts
    (folder / tiny.file).unlink()
    pattern = manifest.file_pattern
    written = write_parts(folder, make_tensors(size, "cpu"), lambda part: pattern.format(rank=0, part=part), _LIMIT)
    parts = [Part(part=number, rank=0, tp_rank=0, pp_rank=0, **asdict(part)) for number, part in enumerate(written)]
    manifest = manifest.model_copy(update={"parts": parts})
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest.to_wire()))
    return [folder / part.file for part in parts]


def _parallel(command: Sequence[str], files: Sequence[Path]) -> list[str]:
    listing = files[0].parent.with_name("files")
    listing.write_text("".join(f"{file}\n" for file in files))
    return ["xargs", "-a", str(listing), "-n", "1", "-P", str(THREADS), *command]


def _run(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
