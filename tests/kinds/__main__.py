"""`make test-models`: each kind of model at each layout; a table on stdout and .bench/models-DEVICE.json.

Ends with 1 if a model is published that is not exact (the worker says so), or refused without a reason of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests import models
from tests.quantized_models import AWQ, FP8, FP8_BLOCKS, GPTQ, INT4, INT8

KINDS: Mapping[str, models.Build] = {
    "Llama, bf16": models.llama,
    "Llama, tied embeddings": partial(models.tied_llama, head="none"),
    "Llama, tied, with a head of its own": partial(models.tied_llama, head="other"),
    "Qwen3-MoE": models.qwen3_moe,
    "DeepSeek-V2 (MLA, MoE)": models.deepseek_v2,
    "Llama, INT8 (compressed-tensors)": INT8.llama,
    "Llama, W4A16 (compressed-tensors)": INT4.llama,
    "Llama, FP8 per channel (compressed-tensors)": FP8.llama,
    "Llama, FP8 in blocks": FP8_BLOCKS.llama,
    "Llama, GPTQ": GPTQ.llama,
    "Llama, AWQ": AWQ.llama,
}
LAYOUTS: Mapping[str, tuple[str, ...]] = {
    "tp=1": (),
    "tp=2": ("--tensor-parallel-size", "2"),
    "pp=2": ("--pipeline-parallel-size", "2"),
}
EXACT = "exact"
_UNEXPLAINED = ("VerificationFailed", "WorkerProtocolError")


def main() -> int:
    """Zero if everything is either exact or refused for a reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.kinds", description=__doc__)
    parser.add_argument("--device", default="cpu", help="only for the file's name: vLLM finds the device itself (cpu)")
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=[*LAYOUTS], help="of these (all)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[*KINDS], help="these (all)")
    given = parser.parse_args()
    target = Path(f".bench/models-{given.device}.json")
    results: dict[str, dict[str, Any]] = json.loads(target.read_text()) if target.exists() else {}
    target.parent.mkdir(exist_ok=True)
    wrong = 0
    for kind in given.kinds:
        for layout in given.layouts:
            result = _there_and_back(KINDS[kind], LAYOUTS[layout])
            wrong += result["result"] in _UNEXPLAINED
            results.setdefault(kind, {})[layout] = result
            print(f"{kind:<46}{layout:<6}{result['result']:<26}{result.get('message', '')[:160]}", flush=True)
            target.write_text(json.dumps(results, indent=2) + "\n")
    return min(wrong, 1)


def _there_and_back(build: models.Build, layout: tuple[str, ...]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        source, output = build(Path(folder, "source")), Path(folder, "output")
        output.mkdir()
        command = [sys.executable, "-m", "shardwright_worker.cli", "shard", "--source", str(source), *layout]
        command += ["--output", str(output), "--verification", "generate"]
        done = subprocess.run(command, capture_output=True, text=True)
    try:
        report = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return {"result": "WorkerProtocolError", "message": done.stderr[-400:]}
    if not report["succeeded"]:
        return {"result": report["reason"], "message": report["message"]}
    artifact = report["artifact"]
    return {"result": EXACT, "vllm": artifact["vllmVersion"], "verifiedBy": artifact["verifiedBy"]}


if __name__ == "__main__":
    sys.exit(main())
