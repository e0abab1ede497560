"""The engine settings of a command line."""

from __future__ import annotations

import os

import pytest

from shardwright_worker.cli.arguments import build_parser
from shardwright_worker.cli.engine_settings import engine_settings
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS


def refused(*flags: str) -> str:
    with pytest.raises(WorkerFailure) as caught:
        engine_settings(build_parser().parse_args(["prepare", "--output", "/x", *flags]))
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    return caught.value.message


def test_arguments_that_are_not_utf_8() -> None:
    assert "is not UTF-8" in refused("--dtype", os.fsdecode(b"\xff"))
    assert "is not UTF-8" in refused("--engine-arg", "linear_backend=" + os.fsdecode(b"\xff"))


SHARD = ["shard", "--source", "/m", "--output", "/o"]


def settings(*flags: str) -> EngineSettings:
    return engine_settings(build_parser().parse_args([*SHARD, *flags]))


def refusal(*flags: str) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        settings(*flags)
    return caught.value


def test_the_flags_of_settings_are_read_back() -> None:
    given = EngineSettings(
        tensor_parallel_size=4,
        pipeline_parallel_size=2,
        enable_expert_parallel=True,
        dtype="bfloat16",
        quantization="fp8",
        trust_remote_code=True,
        hf_overrides='{"rope_theta": 1}',
        extra_args={name: "true" for name in EXTRA_ARGUMENTS if name != "load_format"} | {"load_format": "pt"},
    )
    assert settings(*given.to_arguments()) == given


def test_the_defaults_are_vllms() -> None:
    assert settings() == EngineSettings()


def test_the_flags_of_vllms_example_script_are_accepted() -> None:
    line = "shard --model /m --output /o -tp 2 -q fp8 --file-pattern x-{rank}-{part}.st --max-file-size 5368709120"
    others = "--max-model-len 8192 --enforce-eager --moe-backend triton --language-model-only --data-parallel-size 1"
    arguments = build_parser().parse_args([*line.split(), *others.split()])
    engine = engine_settings(arguments)
    assert arguments.source == "/m"
    assert arguments.max_file_size == 5 * 2**30
    assert (engine.tensor_parallel_size, engine.quantization) == (2, "fp8")
    assert engine.extra_args == {"moe_backend": "triton", "language_model_only": "true"}


def test_engine_arguments_may_have_dashes_and_dots_in_values() -> None:
    assert settings("--engine-arg", "model-impl=a=b").extra_args == {"model_impl": "a=b"}


@pytest.mark.parametrize(
    ("flags", "reason", "words"),
    [
        (["--enable-lora"], Reason.INVALID_ENGINE_ARGUMENTS, "LoRA changes the names"),
        (["--enable-lora", "True"], Reason.INVALID_ENGINE_ARGUMENTS, "LoRA changes the names"),
        (["--data-parallel-size", "2"], Reason.INVALID_ENGINE_ARGUMENTS, "--data-parallel-size 2 is refused"),
        (["-dp", "2"], Reason.INVALID_ENGINE_ARGUMENTS, "overwrite each other"),
        (["--prefill-context-parallel-size=4"], Reason.INVALID_ENGINE_ARGUMENTS, "overwrite each other"),
        (["--speculative-config", "{}"], Reason.INVALID_ENGINE_ARGUMENTS, "draft"),
        (["--load-format", "dummy"], Reason.INVALID_ENGINE_ARGUMENTS, "weights are random"),
        (["--engine-arg", "load_format=bitsandbytes"], Reason.UNSUPPORTED_QUANTIZATION, "bitsandbytes"),
        (["--load-format", "gguf"], Reason.UNSUPPORTED_QUANTIZATION, "safetensors files"),
        (["--load-format", "nonsense"], Reason.INVALID_ENGINE_ARGUMENTS, "cannot read a source; use one of auto"),
        (["--quantization", "bitsandbytes"], Reason.UNSUPPORTED_QUANTIZATION, "--quantization bitsandbytes"),
        (["--engine-arg", "seed=1"], Reason.INVALID_ENGINE_ARGUMENTS, "allowed are code_revision"),
        (["--engine-arg", "runner"], Reason.INVALID_ENGINE_ARGUMENTS, "NAME=VALUE"),
        (["--hf-overrides", "[1]"], Reason.INVALID_ENGINE_ARGUMENTS, "must be a JSON object"),
        (["--hf-overrides", "{"], Reason.INVALID_ENGINE_ARGUMENTS, "is not JSON"),
        (
            ["--hf-overrides", '{"a":' * 4000 + "1" + "}" * 4000],
            Reason.INVALID_ENGINE_ARGUMENTS,
            "more than 50 deep",
        ),
        (
            ["--hf-overrides", '{"a":' * 80 + "1" + "}" * 80],
            Reason.INVALID_ENGINE_ARGUMENTS,
            "more than 50 deep",
        ),
        (["--hf-overrides", '{"a": "\\ud800"}'], Reason.INVALID_ENGINE_ARGUMENTS, "half of a surrogate pair"),
        (["--hf-overrides", '{"a": NaN}'], Reason.INVALID_ENGINE_ARGUMENTS, "NaN, which is not a JSON number"),
        (["--tensor-parallel-size", "0"], Reason.INVALID_ENGINE_ARGUMENTS, "--tensor-parallel-size"),
        (["--tensor-parallel-size", "two"], Reason.INVALID_ENGINE_ARGUMENTS, "invalid int value"),
        (["--max-file-size", "big"], Reason.INVALID_ENGINE_ARGUMENTS, "like 5Gi"),
        (["--dtype", "int8"], Reason.INVALID_ENGINE_ARGUMENTS, "--dtype int8 is not one of auto, half"),
        (["--frobnicate"], Reason.INVALID_ENGINE_ARGUMENTS, "unrecognized arguments: --frobnicate"),
        (["--tensor-parallel", "2"], Reason.INVALID_ENGINE_ARGUMENTS, "unrecognized arguments"),
    ],
)
def test_flags_that_are_refused_and_why(flags: list[str], reason: Reason, words: str) -> None:
    failure = refusal(*flags)
    assert failure.reason == reason
    assert words in failure.message
