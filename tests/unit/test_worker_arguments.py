"""The command line: what it accepts, what it refuses, and in which words."""

from __future__ import annotations

import fnmatch

import pytest

from shardwright_worker.checks.pattern_check import check_pattern
from shardwright_worker.cli.arguments import build_parser
from shardwright_worker.cli.engine_settings import engine_settings
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern, problems
from tools.testing.file_patterns import patterns

SHARD = ["shard", "--source", "/m", "--output", "/o"]


def settings(*flags: str) -> EngineSettings:
    return engine_settings(build_parser().parse_args([*SHARD, *flags]))


def refusal(*flags: str) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        settings(*flags)
    return caught.value


def test_the_flags_that_settings_become_are_read_back() -> None:
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


def test_nothing_given_is_vllms_default() -> None:
    assert settings() == EngineSettings()


def test_the_flags_of_vllms_example_script_are_taken() -> None:
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
        (["--hf-overrides", '{"a": NaN}'], Reason.INVALID_ENGINE_ARGUMENTS, "NaN, which is no JSON number"),
        (["--tensor-parallel-size", "0"], Reason.INVALID_ENGINE_ARGUMENTS, "--tensor-parallel-size"),
        (["--tensor-parallel-size", "two"], Reason.INVALID_ENGINE_ARGUMENTS, "invalid int value"),
        (["--max-file-size", "big"], Reason.INVALID_ENGINE_ARGUMENTS, "like 5Gi"),
        (["--frobnicate"], Reason.INVALID_ENGINE_ARGUMENTS, "unrecognized arguments: --frobnicate"),
        (["--tensor-parallel", "2"], Reason.INVALID_ENGINE_ARGUMENTS, "unrecognized arguments"),
    ],
)
def test_what_is_refused_and_why(flags: list[str], reason: Reason, words: str) -> None:
    failure = refusal(*flags)
    assert failure.reason == reason
    assert words in failure.message


def test_keys_may_be_given_one_by_one_or_together() -> None:
    line = [
        "prepare",
        "--source",
        "/m",
        "--output",
        "/o",
        "--history-limit",
        "2",
        "--published",
        "a",
        "--published",
        "b",
    ]
    arguments = build_parser().parse_args([*line, "--in-use", "c", "d"])
    assert (arguments.history_limit, arguments.published, arguments.in_use) == (2, ["a", "b"], ["c", "d"])


def test_lists_do_not_leak_from_one_command_line_into_the_next() -> None:
    build_parser().parse_args(["prepare", "--repo", "a/b", "--output", "/o", "--include", "x"])
    assert build_parser().parse_args(["prepare", "--repo", "a/b", "--output", "/o"]).include == []


@pytest.mark.parametrize("command", ["prepare", "shard", "check", "inspect"])
def test_every_flag_is_explained(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args([command, "--help"])
    assert caught.value.code == 0
    assert "modes.md" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pattern", "tp", "pp", "words"),
    [
        ("m-{part}.safetensors", 2, 1, "must have {tp_rank}"),
        ("m-{rank}-{part}.safetensors", 1, 2, "must have {pp_rank}"),
        ("m-{pp_rank}-{part}.safetensors", 1, 1, "without pipeline parallelism"),
        ("m-{rank}.safetensors", 2, 1, "must have {part} exactly once"),
        ("m-{layer}-{part}.safetensors", 1, 1, "unknown field"),
        ("../m-{part}.safetensors", 1, 1, "plain file name"),
        ("m-{part", 1, 1, "single brace"),
        ("m-{rank}{part}.safetensors", 2, 1, "between two fields"),
        ("m{tp_rank}1{part}.safetensors", 2, 1, "other than a digit"),
        ("m-{part!r}.safetensors", 1, 1, "plain file name"),
        ("m-{part:>99}.safetensors", 1, 1, "plain file name"),
        ("m-{part.real}.safetensors", 1, 1, "unknown field"),
        ("m-{part}-[0-9]-{rank}.safetensors", 2, 1, "plain file name"),
        ("m-{part}-*.safetensors", 1, 1, "plain file name"),
        ("m-{part}.safetensors\n", 1, 1, "plain file name"),
        ("m-{{part}}.safetensors", 1, 1, "single brace"),
        ("{part}-{rank}-{part}-{part}.safetensors", 2, 1, "exactly once"),
        (".m-{part}.safetensors", 1, 1, "no dot or dash first"),
        ("m-{part}" + "x" * 200 + ".safetensors", 1, 1, "the limit is 200"),
    ],
)
def test_patterns_that_vllm_would_refuse(pattern: str, tp: int, pp: int, words: str) -> None:
    with pytest.raises(WorkerFailure) as caught:
        check_pattern(pattern, EngineSettings(tensor_parallel_size=tp, pipeline_parallel_size=pp))
    assert words in caught.value.message


def test_patterns_that_are_fine() -> None:
    check_pattern("m-{part}.safetensors", EngineSettings())
    check_pattern("m-{rank}-{part}.safetensors", EngineSettings(tensor_parallel_size=2))
    check_pattern("m-{pp_rank}-{tp_rank}-{part}.safetensors", EngineSettings(pipeline_parallel_size=2))
    check_pattern("{pp_rank}.{part}.safetensors", EngineSettings(pipeline_parallel_size=2))
    for pipeline in (1, 2):
        both = EngineSettings(tensor_parallel_size=2, pipeline_parallel_size=pipeline)
        check_pattern(default_file_pattern(pipeline), both)


def test_no_rank_loads_the_files_of_another_by_a_pattern_that_is_taken() -> None:
    places = [(tensor, stage, part) for tensor in (0, 1, 2, 11, 12, 21) for stage in (0, 1, 11) for part in (0, 1, 11)]
    taken = 0
    for pattern in patterns(2000):
        if problems(pattern, 32, 12):
            continue
        taken += 1
        names: dict[str, tuple[int, int]] = {}
        for tensor, stage, part in places:
            name = pattern.format(rank=tensor, tp_rank=tensor, pp_rank=stage, part=part)
            assert names.setdefault(name, (tensor, stage)) == (tensor, stage)
        for tensor, stage in set(names.values()):
            wanted = pattern.format(rank=tensor, tp_rank=tensor, pp_rank=stage, part="*")
            assert {names[name] for name in fnmatch.filter(names, wanted)} == {(tensor, stage)}, pattern
    assert taken > 30
