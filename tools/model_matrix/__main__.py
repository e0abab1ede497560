"""`make test-models`: shards each kind of model with each layout; prints a table, writes .bench/models-DEVICE.json.

The expected result of a cell is exact, or a reason at a stage. The exit code is 1 if a cell has another result.
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

from shardwright_worker.contract.progress_line import read_progress
from shardwright_worker.contract.report import read_report
from tools.model_matrix.expected import EXACT, expected_result
from tools.models import language, mixture_of_experts, multimodal
from tools.models.quantized import AWQ, FP8, FP8_BLOCKS, GPTQ, INT4, INT8

KINDS: Mapping[str, language.Build] = {
    "Llama, bf16": language.llama,
    "Llama, tied embeddings": partial(language.tied_llama, head="none"),
    "Llama, tied embeddings, separate head": partial(language.tied_llama, head="other"),
    "Qwen3-MoE": mixture_of_experts.qwen3_moe,
    "DeepSeek-V2 (MLA, MoE)": mixture_of_experts.deepseek_v2,
    "Llama, INT8 (compressed-tensors)": INT8.llama,
    "Llama, W4A16 (compressed-tensors)": INT4.llama,
    "Llama, FP8 per channel (compressed-tensors)": FP8.llama,
    "Llama, FP8 in blocks": FP8_BLOCKS.llama,
    "Llama, GPTQ": GPTQ.llama,
    "Llama, AWQ": AWQ.llama,
    "Llama, embeddings of sentence-transformers": language.embedder,
    "Qwen2.5-VL": multimodal.qwen2_5_vl,
}
LAYOUTS: Mapping[str, tuple[str, ...]] = {
    "tp=1": ("--verification", "generate"),
    "tp=2": ("--tensor-parallel-size", "2", "--verification", "generate"),
    # vLLM's CPU build cannot generate over pipeline stages.
    "pp=2": ("--pipeline-parallel-size", "2", "--verification", "load"),
}


def main() -> int:
    """Return zero if every cell has the expected result."""
    parser = argparse.ArgumentParser(prog="python -m tools.model_matrix", description=__doc__)
    parser.add_argument(
        "--device", default="cpu", help="device that vLLM runs on, for expectations and the file's name (cpu)"
    )
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=[*LAYOUTS], help="layouts to run (all)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[*KINDS], help="kinds of models to run (all)")
    arguments = parser.parse_args()
    target = Path(f".bench/models-{arguments.device}.json")
    results: dict[str, dict[str, Any]] = json.loads(target.read_text()) if target.exists() else {}
    target.parent.mkdir(exist_ok=True)
    wrong = 0
    for kind in arguments.kinds:
        for layout in arguments.layouts:
            result = _shard(KINDS[kind], LAYOUTS[layout])
            expected = expected_result(arguments.device, kind, layout)
            found = (result["result"], result["stage"])
            wrong += found != expected
            results.setdefault(kind, {})[layout] = result
            text = f"{result['result']} at {result['stage']}" if result["stage"] else result["result"]
            verdict = "" if found == expected else f"UNEXPECTED (not {' at '.join(filter(None, expected))}) "
            print(f"{kind:<46}{layout:<6}{text:<40}{verdict}{result.get('message', '')[:160]}", flush=True)
            target.write_text(json.dumps(results, indent=2) + "\n")
    return min(wrong, 1)


def _shard(build: language.Build, layout: tuple[str, ...]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        source, output = build(Path(folder, "source")), Path(folder, "output")
        output.mkdir()
        command = [sys.executable, "-m", "shardwright_worker", "shard", "--source", str(source), *layout]
        command += ["--output", str(output)]
        done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    report = read_report(lines[-1]) if lines else None
    if report is None:
        return {"result": "no report", "stage": "", "message": done.stderr[-400:]}
    if not report.succeeded:
        stages = [progress.stage.value for line in lines if (progress := read_progress(line))]
        return {"result": report.reason.value, "stage": stages[-1] if stages else "", "message": report.message}
    assert report.artifact
    return {
        "result": EXACT[0],
        "stage": "",
        "vllm": report.artifact.vllm_version,
        "verifiedBy": report.artifact.verified_by,
    }


if __name__ == "__main__":
    sys.exit(main())
