"""The whole process from the command line to the published artifact, beside vLLM's own way to save a sharded state.

https://github.com/vllm-project/vllm/blob/v0.26.0/examples/features/sharded_state/save_sharded_state_offline.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tools.models.large import SHAPES, write_llama

# The fastest form of vLLM's script: nothing is compiled, nothing is proven.
_STOCK = """
import sys
from vllm import LLM
if __name__ == "__main__":
    llm = LLM(
        model=sys.argv[1], tensor_parallel_size=int(sys.argv[2]), enforce_eager=True, skip_tokenizer_init=True,
        max_model_len=2048,
    )
    llm.llm_engine.engine_core.save_sharded_state(path=sys.argv[3], pattern=None, max_size=5 * 1024**3)
"""
SCRIPT = "vLLM's script, enforce_eager"


def measure_process(folder: Path, shape: str, ranks: int, runs: int) -> dict[str, dict[str, float]]:
    """Return the seconds of vLLM's script, and of the worker with each verification: medians, each in turn."""
    source = folder / "source"
    if not source.exists():
        write_llama(source, SHAPES[shape], ranks)
    script = folder / "script.py"
    script.write_text(_STOCK)
    ours = [sys.executable, "-m", "shardwright_worker", "shard", "--source", str(source)]
    ours += ["--tensor-parallel-size", str(ranks), "--verification"]
    commands = {
        SCRIPT: [sys.executable, str(script), str(source), str(ranks)],
        **{f"shardwright, {level}": [*ours, level, "--output"] for level in ("digests", "load", "generate")},
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            seconds[name].append(_run(command, folder / "output"))
    slowest = median(seconds[SCRIPT])
    return {
        name: {
            "seconds": median(taken),
            "times faster": round(slowest / median(taken), 2),
            "slowest run": max(taken),
        }
        for name, taken in seconds.items()
    }


def _run(command: list[str], output: Path) -> float:
    output.mkdir()
    try:
        start = time.perf_counter()
        subprocess.run([*command, str(output)], check=True, stdout=subprocess.DEVNULL)
        return round(time.perf_counter() - start, 2)
    finally:
        shutil.rmtree(output)
