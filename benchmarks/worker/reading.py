"""Ways to read a source from a cold disk: vLLM's strategies and loaders, each with the worker's reading ahead, in turn.

https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/config/load.py#L65
"""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from shardwright_worker.measure.storage_reads import drop_from_page_cache
from tools.models.large import SHAPES, write_llama

WAYS = {
    "the default": (),
    "eager": ("--safetensors-load-strategy", "eager"),
    "prefetch": ("--safetensors-load-strategy", "prefetch"),
}
# Loaders of other packages, by the module that must be installed.
LOADERS = {
    "fastsafetensors": "fastsafetensors",
    "runai_streamer": "runai_model_streamer",
    "instanttensor": "instanttensor",
}


def measure_reading(folder: Path, shape: str, ranks: int, runs: int) -> dict[str, dict[str, float]]:
    """Return the median seconds of each way: of the stage of loading, with the import, and of reading in the ranks."""
    source = write_llama(folder / "source", SHAPES[shape], ranks)
    ways = dict(WAYS)
    ways |= {name: ("--load-format", name) for name, module in LOADERS.items() if importlib.util.find_spec(module)}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, arguments in ways.items():
            found[name].append(_run(source, folder / "output", ranks, arguments))
    size = sum(path.stat().st_size for path in source.glob("*.safetensors"))
    return {
        name: {
            "seconds": median(load for load, _ in taken),
            "reading": median(reading for _, reading in taken),
            "slowest run": max(load for load, _ in taken),
            "GB": round(size / 1e9, 2),
        }
        for name, taken in found.items()
    }


def _run(source: Path, output: Path, ranks: int, arguments: tuple[str, ...]) -> tuple[float, float]:
    output.mkdir()
    layout = ["--source", str(source), "--output", str(output), "--tensor-parallel-size", str(ranks), *arguments]
    prepared = _worker("prepare", *layout)  # as in the operator's Jobs: digests would warm the cache
    found = prepared["source"]
    layout += ["--artifact-name", prepared["key"], "--source-digest", found["digest"]]
    layout += ["--source-fingerprint", found["fingerprint"], "--verification", "digests"]
    drop_from_page_cache(path for path in source.iterdir() if path.is_file())
    try:
        seconds = _worker("shard", *layout)["durationSeconds"]
        return seconds["load"], seconds["readWeights"]
    finally:
        shutil.rmtree(output)


def _worker(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "shardwright_worker", *arguments]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    report: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return report
