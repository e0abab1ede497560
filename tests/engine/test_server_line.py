"""The guard sees in a command line of `vllm serve` what vLLM's own parser sees in it."""

from __future__ import annotations

import argparse
import json
import random
from typing import Any

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.serving.command_line import read_server_line
from tests.engine.vllm_parser import serve_parser

CHOICES: dict[str, list[str]] = {
    "--tensor-parallel-size": ["1", "2", "16"],
    "-tp": ["1", "2", "8"],
    "--pipeline-parallel-size": ["2"],
    "-pp": ["1", "4"],
    "--data-parallel-size": ["2"],
    "-dp": ["1"],
    "--dtype": ["auto", "half", "bfloat16"],
    "--quantization": ["fp8", "awq"],
    "-q": ["fp8"],
    "--load-format": ["auto", "sharded_state"],
    "--hf-overrides": ["{}", '{"a": 1}', '{"b": {"c": "-x y"}}'],
    "--hf-overrides.rope.theta": ["1e4", "10k", "text", "true", "-1"],
    "--hf-overrides.list+": ["a,b", "c"],
    "--model-loader-extra-config": ['{"pattern": "m-{part}.safetensors"}'],
    "--model-loader-extra-config.pattern": ["x.{part}.safetensors"],
    "--moe-backend": ["auto", "triton", "flashinfer-trtllm"],
    "--runner": ["generate", "pooling"],
    "--convert": ["auto", "embed"],
    "--expert-placement-strategy": ["linear", "round_robin"],
    "--kernel-config.moe_backend": ["triton"],
    # What does not decide shards.
    "--port": ["8000"],
    "--seed": ["-1", "7"],
    "--max-model-len": ["8k", "4096"],
    "--served-model-name": ["a", "b"],
    "--api-key": ["secret"],
    "--cpu-offload-gb": ["0"],
    "--gpu-memory-utilization": ["0.9"],
    "--compilation-config.mode": ["3"],
    "--speculative-config": ['{"num_speculative_tokens": 1}'],
}
SWITCHES = ["--enable-expert-parallel", "-ep", "--enable-lora", "--enforce-eager", "--trust-remote-code"]
SWITCHES += ["--language-model-only", "--no-enable-expert-parallel", "--no-language-model-only", "--no-enable-lora"]
LINES = 400


@pytest.fixture(scope="module")
def vllms() -> argparse.ArgumentParser:
    """The parser of `vllm serve`."""
    return serve_parser()


def _line(chance: random.Random) -> list[str]:
    words: list[str] = []
    for _ in range(chance.randint(1, 7)):
        if chance.random() < 0.25:
            words.append(chance.choice(SWITCHES))
            continue
        flag = chance.choice(sorted(CHOICES))
        value = chance.choice(CHOICES[flag])
        name, dot, path = flag.partition(".")
        if name.startswith("--") and chance.random() < 0.3:
            name = "--" + name[2:].replace("-", "_")
        if name.startswith("--") and chance.random() < 0.1:
            name = name[: -chance.randint(1, 3)]
        flag = name + dot + path
        words += [f"{flag}={value}"] if chance.random() < 0.4 else [flag, value]
    return words


def _seen_by_vllm(parser: argparse.ArgumentParser, words: list[str]) -> dict[str, Any] | None:
    try:
        found = parser.parse_args(words)
    except (SystemExit, ValueError, argparse.ArgumentError):
        return None
    return {
        "tensor": found.tensor_parallel_size,
        "pipeline": found.pipeline_parallel_size,
        "data": found.data_parallel_size,
        "experts": found.enable_expert_parallel,
        "dtype": str(found.dtype),
        "quantization": found.quantization or "",
        "trust": found.trust_remote_code,
        "overrides": found.hf_overrides or {},
        "format": str(found.load_format),
        "loader": found.model_loader_extra_config or {},
        "moe": str(found.moe_backend),
        "runner": str(found.runner),
        "convert": str(found.convert),
        "language": found.language_model_only,
        "placement": str(found.expert_placement_strategy),
    }


def _seen_by_guard(words: list[str]) -> dict[str, Any]:
    line = read_server_line(words)
    engine, beside = line.settings, line.beside
    return {
        "tensor": engine.tensor_parallel_size,
        "pipeline": engine.pipeline_parallel_size,
        "data": beside.get("data-parallel-size", 1),
        "experts": engine.enable_expert_parallel,
        "dtype": engine.dtype,
        "quantization": engine.quantization,
        "trust": engine.trust_remote_code,
        "overrides": json.loads(engine.hf_overrides or "{}"),
        "format": beside.get("load-format", "auto"),
        "loader": beside.get("model-loader-extra-config", {}),
        "moe": engine.extra_args.get("moe_backend", "auto").lower().replace("-", "_"),
        "runner": engine.extra_args.get("runner", "auto"),
        "convert": engine.extra_args.get("convert", "auto"),
        "language": engine.extra_args.get("language_model_only", "false") == "true",
        "placement": beside.get("expert-placement-strategy", "linear"),
    }


def test_random_command_lines_are_read_as_vllm_reads_them(vllms: argparse.ArgumentParser) -> None:
    chance, compared = random.Random(11), 0
    for _ in range(LINES):
        words = _line(chance)
        wanted = _seen_by_vllm(vllms, words)
        if wanted is None:
            continue  # vLLM does not start with this line
        compared += 1
        assert _seen_by_guard(words) == wanted, words
    assert compared > LINES / 2


def test_no_flag_of_this_vllm_is_refused_that_does_not_decide(vllms: argparse.ArgumentParser) -> None:
    for action in vllms._actions:
        for flag in action.option_strings:
            for words in ([flag, "1"], [f"{flag}=1"], [flag]):
                assert _refused(words) in (None, *action.option_strings), words


def _refused(words: list[str]) -> str | None:
    """The flag that the guard refuses to read."""
    try:
        read_server_line(words)
    except WorkerFailure as failure:
        return failure.message.split()[0]
    return None
