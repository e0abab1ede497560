"""`make test-models`: each kind of model at each layout; a table on stdout and .bench/models-DEVICE.json.

Every cell has one expected end: exact, or a refusal with its reason at its stage. Ends with 1 if one ends otherwise.
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
from tools.model_matrix.expected import EXACT, end_of
from tools.models import language, multimodal
from tools.models.quantized import AWQ, FP8, FP8_BLOCKS, GPTQ, INT4, INT8

KINDS: Mapping[str, language.Build] = {
    "Llama, bf16": language.llama,
    "Llama, tied embeddings": partial(language.tied_llama, head="none"),
    "Llama, tied, with a head of its own": partial(language.tied_llama, head="other"),
    "Qwen3-MoE": language.qwen3_moe,
    "DeepSeek-V2 (MLA, MoE)": language.deepseek_v2,
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
    """Zero if every cell ends as expected."""
    parser = argparse.ArgumentParser(prog="python -m tools.model_matrix", description=__doc__)
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
            expected = end_of(given.device, kind, layout)
            found = (result["result"], result["stage"])
            wrong += found != expected
            results.setdefault(kind, {})[layout] = result
            told = f"{result['result']} at {result['stage']}" if result["stage"] else result["result"]
            verdict = "" if found == expected else f"NOT AS EXPECTED ({' at '.join(filter(None, expected))}) "
            print(f"{kind:<46}{layout:<6}{told:<40}{verdict}{result.get('message', '')[:160]}", flush=True)
            target.write_text(json.dumps(results, indent=2) + "\n")
    return min(wrong, 1)


def _there_and_back(build: language.Build, layout: tuple[str, ...]) -> dict[str, Any]:
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
