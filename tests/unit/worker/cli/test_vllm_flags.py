"""Every flag of vLLM's engine ends as one table says: taken, ignored with a note, or refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shardwright_worker.cli.arguments import build_parser, read_arguments, subparsers_of
from shardwright_worker.cli.layout_arguments import layout_of
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.releases import SUPPORTED
from shardwright_worker.contract.vllm_support.worker_flags import (
    IGNORED,
    NAMED,
    OF_THE_SCRIPT,
    REFUSED,
    SHORT,
    TAKEN,
    flag_of,
)
from tools.vllm_flags import FILE, flags_of

SHARD = ["shard", "--source", "/m", "--output", "/o"]
# flag -> its other spellings, and the releases that have it
VLLM: dict[str, list[str]] = json.loads(FILE.read_text())


def engine(*flags: str) -> EngineSettings:
    return layout_of(read_arguments([*SHARD, *flags])).engine


def refusal(*flags: str) -> str:
    with pytest.raises(WorkerFailure) as caught:
        engine(*flags)
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    return caught.value.message


def test_the_flags_are_read_from_vllms_source() -> None:
    source = (
        "class EngineArgs:\n  def add_cli_args(parser):\n    group.add_argument('--a-b', '-ab', **kwargs)\n"
        "    parser.add_argument('--c')\nclass Other:\n  def f(): p.add_argument('--d')\n"
    )
    assert flags_of(source) == {"--a-b": "-ab", "--c": ""}


def test_every_flag_of_every_release_is_in_one_table() -> None:
    assert {release for _, releases in VLLM.values() for release in releases.split()} == {*SUPPORTED}
    ours = [*map(flag_of, (*TAKEN, *IGNORED, *REFUSED))]
    assert len(ours) == len({*ours})
    assert [flag for flag in VLLM if flag not in ours] == []


def test_every_flag_of_the_tables_is_one_of_vllm() -> None:
    gone = {"--swap-space", "--enable-log-requests", "--disable-log-requests", "--device-memory-utilization"}
    refused = {"--lora-modules", "--speculative-model", "--calculate-kv-scales", "--monokernel", "--config"}
    known = {*VLLM, *gone, *refused}
    assert [flag for flag in map(flag_of, (*TAKEN, *IGNORED, *REFUSED)) if flag not in known] == []


def test_every_setting_and_every_flag_of_the_script_is_taken() -> None:
    flags = subparsers_of(build_parser())["shard"]._option_string_actions
    assert {*EngineSettings.model_fields} - {"extra_args"} == {*NAMED} - {"model"}
    assert [name for name in (*map(flag_of, TAKEN), *(f"--{one}" for one in OF_THE_SCRIPT)) if name not in flags] == []


def test_other_spellings_are_those_of_vllm() -> None:
    short = {flag: one for flag, (others, _) in VLLM.items() for one in others.split() if not one.startswith("--")}
    assert {flag_of(name): one for name, one in SHORT.items() if one != "-O"} == short
    flags = subparsers_of(build_parser())["shard"]._option_string_actions
    assert [one for _, (others, _) in VLLM.items() for one in others.split() if one not in flags] == []


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_an_ignored_flag_is_named_on_stderr(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert engine(flag_of(name), "7", "-tp", "2").tensor_parallel_size == 2
    noted = capsys.readouterr().err
    assert f"Ignored {flag_of(name)}: this changes how a model is run" in noted
    assert "7" not in noted  # a value may be a token


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_refused_flag_is_named_with_its_reason(name: str) -> None:
    assert refusal(flag_of(name), "7") == f"{flag_of(name)} 7 is refused: {REFUSED[name].why}"
    for value in REFUSED[name].unless:
        assert engine(f"{flag_of(name)}={value}") == EngineSettings()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--tensor_parallel_size", "2"], EngineSettings(tensor_parallel_size=2)),
        (["--tensor_parallel-size=2"], EngineSettings(tensor_parallel_size=2)),
        (
            ["-tp=2", "-pp", "3", "-ep"],
            EngineSettings(tensor_parallel_size=2, pipeline_parallel_size=3, enable_expert_parallel=True),
        ),
        (["-qfp8"], EngineSettings(quantization="fp8")),
        (["--quantization", "None"], EngineSettings()),
        (["--code-revision=None", "--safetensors-load-strategy", "None"], EngineSettings()),
        (["--trust-remote-code", "--no-trust-remote-code"], EngineSettings()),
        (["--enable-expert-parallel", "--no-enable-expert-parallel"], EngineSettings()),
        (["-ep", "--disable-expert-parallel"], EngineSettings()),
        (["--no-language-model-only"], EngineSettings(extra_args={"language_model_only": "false"})),
        (["--hf-overrides.rope_scaling.factor", "2"], EngineSettings(hf_overrides='{"rope_scaling": {"factor": 2}}')),
        (["--hf_overrides.a_b=x", "--hf-overrides.c", "1k"], EngineSettings(hf_overrides='{"a_b": "x", "c": 1000}')),
        (["--hf-overrides.list+", "a,b"], EngineSettings(hf_overrides='{"list": ["a", "b"]}')),
        (["--limit-mm-per-prompt.image", "0"], EngineSettings(extra_args={"limit_mm_per_prompt": '{"image": 0}'})),
        (["--compilation-config.level", "3", "-O3", "-O", "2", "-O=1"], EngineSettings()),
        (
            ["-cc.pass_config.fuse_norm_quant=true", "-ac.backend", "FLASHINFER", "-tp=2"],
            EngineSettings(tensor_parallel_size=2),
        ),
        (["-cc", '{"level": 3}', "--seed", "-1", "--max-model-len=-1", "--swap-space", "4"], EngineSettings()),
        (["--cudagraph-capture-sizes", "1", "2", "4", "--no-enable-prefix-caching"], EngineSettings()),
        (["--no-enable-lora", "--disable-eplb", "--cpu-offload-gb", "0", "-dp", "1"], EngineSettings()),
    ],
)
def test_spellings_of_vllm(flags: list[str], expected: EngineSettings) -> None:
    assert engine(*flags) == expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-dp", "2"], "--data-parallel-size 2 is refused: files are named by"),
        (["--kernel-config.moe_backend", "triton"], '--kernel-config {"moe_backend": "triton"} is refused: set --moe'),
        (["-sc.method", "ngram"], '--speculative-config {"method": "ngram"} is refused: a draft'),
        (["--device_ids=0,1"], "--device-ids 0,1 is refused: set the environment variable CUDA_VISIBLE_DEVICES"),
        (["--mm_encoder_attn_dtype=fp8"], "--mm-encoder-attn-dtype fp8 is refused: an encoder with attention in FP8"),
        (["--config", "x.yaml"], "--config x.yaml is refused: write the flags"),
        (["--tensor-parallel", "2"], "write the whole flag: --tensor-parallel-size (see"),
        (["--hf-overrides.a"], "--hf-overrides.a needs a value"),
        (["--worker-cls", "x\x1b[2J" * 50], "is refused: may change"),
        (["--engine-arg", "worker_cls=x"], "--engine-arg worker_cls: is refused: may change"),
        (["--engine-arg", "seed=1"], "--engine-arg seed: changes how a model is run"),
    ],
)
def test_refusals_say_what_to_do(flags: list[str], message: str) -> None:
    found = refusal(*flags)
    assert message in found
    assert "\x1b" not in found


def test_words_after_two_dashes_keep_their_spelling() -> None:
    with pytest.raises(WorkerFailure, match=r"unrecognized arguments: (-- )?--a_b"):
        read_arguments([*SHARD, "--", "--a_b"])


def test_prepare_keeps_the_revision_of_its_repository(tmp_path: Path) -> None:
    line = ["prepare", "--repo", "org/model", "--output", str(tmp_path), "--revision", "abc"]
    assert read_arguments(line).revision == "abc"
