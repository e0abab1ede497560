"""Artifacts are shown to people, and refused to servers that would misread them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from shardwright_operator.api.spec import Spec
from shardwright_operator.decide.report_status import serving_of
from shardwright_worker.artifact.inspect_table import print_artifact
from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern
from shardwright_worker.serving.accelerator import same_family, visible_accelerators
from shardwright_worker.serving.command_line import read_server_line
from shardwright_worker.serving.guard import check_for_serving
from shardwright_worker.serving.own_quantization import own_quantization
from tools.testing.fake_worker import artifact
from tools.testing.tiny_files import write_artifact

MADE = EngineSettings(tensor_parallel_size=2, extra_args={"load_format": "pt", "moe_backend": "triton"})


@pytest.mark.parametrize(
    ("engine", "vllm", "accelerator", "words"),
    [
        ({"tensor_parallel_size": 1}, "", "", "--tensor-parallel-size is 1, the shards were made with 2"),
        ({"pipeline_parallel_size": 2}, "", "", "--pipeline-parallel-size is 2"),
        ({"enable_expert_parallel": True}, "", "", "--enable-expert-parallel is True"),
        ({"dtype": "float16"}, "", "", "--dtype is float16, the shards were made with bfloat16"),
        ({"quantization": "fp8"}, "", "", "--quantization is fp8, the shards were made with none"),
        ({"hf_overrides": '{"a": 1}'}, "", "", "--hf-overrides"),
        ({"extra_args": {}}, "", "", "--moe-backend is default, the shards were made with triton"),
        ({}, "0.33.1", "", "vLLM is 0.33.1, the shards were made with 0.32.0"),
        ({}, "", "NVIDIA A100-SXM4-80GB", "the accelerator is NVIDIA A100"),
        ({}, "", "NVIDIA B200", "the accelerator is NVIDIA B200"),
    ],
)
def test_servers_that_must_not_load_it(
    tmp_path: Path, engine: dict[str, object], vllm: str, accelerator: str, words: str
) -> None:
    manifest = write_artifact(tmp_path, settings=MADE)
    with pytest.raises(WorkerFailure) as caught:
        check_for_serving(manifest, MADE.model_copy(update=engine), vllm, accelerator)
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("engine", "vllm", "accelerator"),
    [
        ({}, "", ""),
        ({"dtype": "bfloat16"}, "0.32.4+cpu", "NVIDIA H200"),
        ({"extra_args": {"moe_backend": "triton", "safetensors_load_strategy": "lazy"}}, "0.32.0", "NVIDIA H100 PCIe"),
    ],
)
def test_servers_that_may(tmp_path: Path, engine: dict[str, object], vllm: str, accelerator: str) -> None:
    manifest = write_artifact(tmp_path, settings=MADE)
    check_for_serving(manifest, MADE.model_copy(update=engine), vllm, accelerator)


def test_an_artifact_is_shown(tmp_path: Path) -> None:
    write_artifact(tmp_path, settings=MADE)
    stream = io.StringIO()
    print_artifact(read_manifest(tmp_path), Console(file=stream, width=200))
    shown = stream.getvalue()
    for words in (
        "org/model",
        "tp=2 pp=1",
        "vLLM 0.32.0",
        "stock loader",
        "model-rank-1-part-0.safetensors",
        "moe_backend=triton",
        "--moe-backend triton",
    ):
        assert words in shown


def guard(manifest: Manifest, *words: str, own: str = "") -> list[str]:
    line = read_server_line(list(words))
    return check_for_serving(manifest, line.settings, "0.32.0", manifest.engine.accelerator, line.beside, own)


def refusal(manifest: Manifest, *words: str, own: str = "") -> str:
    with pytest.raises(WorkerFailure) as caught:
        guard(manifest, *words, own=own)
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    return caught.value.message


def made(tmp_path: Path, pattern: str = "", **fields: Any) -> Manifest:
    settings = EngineSettings(**{"tensor_parallel_size": 2, **fields})
    manifest = write_artifact(tmp_path, settings=settings)
    return manifest.model_copy(update={"file_pattern": pattern or manifest.file_pattern})


@pytest.mark.parametrize(
    "line",
    [
        "vllm serve /models/x --tensor-parallel-size 2 --port 8000 --enable-lora --lora-modules a=/a b=/b",
        "/models/x -tp 2 --cpu-offload-gb 0 --api-key secret --speculative-config {} --chat-template x.jinja",
        "-tp=2 --tensor_parallel_size=2 --load_format=sharded_state --no-enable-expert-parallel --no-async-scheduling",
        "--tensor-parallel 2 --load-form runai_streamer_sharded --max-model-len 8k -O3 -cc.mode=3 --seed -1",
        "-t 2 --data-parallel-size 2 --moe-backend auto --runner auto --kv-cache-dtype fp8 --dtype bfloat16",
        "--tensor-parallel-size 1 --tensor-parallel-size 2 --compilation-config.pass_config.fuse_norm true",
        "-tp 2 --enable-expert-parallel --no-enable-expert-parallel --limit-mm-per-prompt.image 2",
        "-tp 2 --model-loader-extra-config {} --hf-overrides {} --kernel-config {} --served-model-name a b c",
        "-tp 2 --unknown-flag --of-a.newer vllm -- --tensor-parallel-size 7",
        "-tp 2 --port --trust-remote-code --language-model-only=false --nnodes 1",
        "-tp 2 -q fp8 --quantization None --hf-config-path None --quantization-config None --code-revision None",
        '-tp 2 --hf-overrides {"rope_parameters":{"factor":4.0},"max_position_embeddings":9,"sliding_window":null}',
        "-tp 2 --hf-overrides.text_config.rope_scaling.factor 4 --hf-overrides.rope_theta=1e6",
    ],
)
def test_any_command_line_of_a_server_that_fits_is_taken(tmp_path: Path, line: str) -> None:
    guard(made(tmp_path), *line.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "--tensor-parallel-size is 1, the shards were made with 2"),
        ("-tp 4", "--tensor-parallel-size is 4"),
        ("-tp=4", "--tensor-parallel-size is 4"),
        ("-tp 2 --tensor_parallel_size=4", "--tensor-parallel-size is 4"),
        ("--tensor-paral 4", "--tensor-parallel-size is 4"),
        ("-tp 2 -pp 2", "--pipeline-parallel-size is 2"),
        ("-tp 2 -ep", "--enable-expert-parallel is True"),
        ("-tp 2 --enable-expert", "--enable-expert-parallel is True"),
        ("-tp 2 -qfp8", "--quantization is fp8"),
        ("-tp 2 --dtype=half", "--dtype is float16"),
        ("-tp 2 --hf-overrides.rope.theta=1e4", '--hf-overrides is {"rope": {"theta": 10000.0}}'),
        ('-tp 2 --hf-overrides {"a":1}', '--hf-overrides is {"a": 1}'),
        ("-tp 2 --hf-overrides.a+ x,y", '--hf-overrides is {"a": ["x", "y"]}'),
        ('-tp 2 --hf-overrides {"rope_theta":1,"num_hidden_layers":1}', '--hf-overrides is {"num_hidden_layers": 1}'),
        ('-tp 2 --hf-overrides {"vision_config":{"rope_theta":1}}', '--hf-overrides is {"vision_config"'),
        ("-tp 2 --runner pooling", "--runner is pooling, the shards were made with default"),
        ("-tp 2 --model-impl transformers", "--model-impl is transformers"),
        ("-tp 2 --config-format mistral", "--config-format is mistral"),
        ("-tp 2 --load-format auto", "--load-format is auto, shards are read with sharded_state"),
        ('-tp 2 --model-loader-extra-config {"pattern":"x-{part}.safetensors"}', "pattern is x-{part}.safetensors"),
        ("-tp 2 --model-loader-extra-config.pattern=y-{part}.safetensors", "pattern is y-{part}.safetensors"),
        ("-tp 2 --moe-backend cutlass", "--moe-backend is cutlass, the shards were made with default"),
        ("-tp 2 --kernel-config.moe_backend cutlass", "--moe-backend is cutlass"),
        ("-tp 2 --language-model-only", "--language-model-only is true"),
        ("-tp 2 --limit-mm-per-prompt.image 0", "--limit-mm-per-prompt is none of image"),
        ("-tp 2 --convert embed", "--convert is embed"),
        ("-tp 2 --hf-config-path /other", "--hf-config-path makes another model"),
        ('-tp 2 --model-class-overrides {"a":"b"}', "--model-class-overrides makes another model"),
        ("-tp 2 --mm-encoder-tp-mode data", "--mm-encoder-tp-mode is data"),
        ("-tp 2 --eplb-config.num_redundant_experts 2", "num_redundant_experts is 2"),
        ("-tp two", "--tensor-parallel-size must be a number"),
        ("-tp", "--tensor-parallel-size needs a value"),
        ("-tp --port 1", "--tensor-parallel-size needs a value"),
        ("-tp 0", "--tensor-parallel-size"),
        ("-tp 2 --hf-overrides {", "--hf-overrides is not JSON"),
        ("-tp 2 --hf-overrides [1]", "--hf-overrides must be a JSON object"),
        ("-tp 2 --config /nowhere.yaml", "--config /nowhere.yaml cannot be read here"),
    ],
)
def test_what_decides_shards_is_refused_by_name(tmp_path: Path, line: str, words: str) -> None:
    assert words in refusal(made(tmp_path), *line.split())


@pytest.mark.parametrize("line", ["--runner generate", "--convert none", "--model-impl vllm", "--config-format hf"])
def test_what_auto_may_have_become_is_said_and_not_refused(tmp_path: Path, line: str) -> None:
    flag, value = line.split()
    name = flag[2:].replace("-", "_")
    served = ("-tp", "2", "--load-format", "sharded_state")
    (note,) = guard(made(tmp_path), *served, flag, value)
    assert note.startswith(f"{flag} is {value}, the shards were made with default")
    (note,) = guard(made(tmp_path, extra_args={name: value}), *served)
    assert note.startswith(f"{flag} is default, the shards were made with {value}")
    assert guard(made(tmp_path, extra_args={name: value}), *served, flag, value) == []
    assert f"{flag} is {value}" in refusal(made(tmp_path, extra_args={name: "other"}), *served, flag, value)


def test_a_quantization_that_was_asked_for_is_asked_of_the_server_too(tmp_path: Path) -> None:
    manifest = made(tmp_path, quantization="moe_wna16")
    for line in ("-tp 2", "-tp 2 -q None"):
        assert "--quantization is not given, the shards were made with moe_wna16" in refusal(manifest, *line.split())
    assert "--quantization is not given" in refusal(manifest, "-tp", "2", own="gptq")
    guard(manifest, "-tp", "2", own="moe_wna16")
    guard(manifest, "-tp", "2", "-q", "moe_wna16")


def test_the_quantization_that_a_configuration_names(tmp_path: Path) -> None:
    assert own_quantization(tmp_path) == ""
    config = tmp_path / "config.json"
    for text, named in (
        ('{"quantization_config": {"quant_method": "AWQ"}}', "awq"),
        ("{}", ""),
        ("[]", ""),
        ("{", ""),
        ("[" * 10**5, ""),
    ):
        config.write_text(text)
        assert own_quantization(tmp_path) == named


def test_a_model_that_learned_its_positions_has_a_table_of_them(tmp_path: Path) -> None:
    line = ("-tp", "2", "--hf-overrides", '{"max_position_embeddings": 9}')
    guard(made(tmp_path), *line)
    for name in (
        "transformer.wpe.weight",
        "model.decoder.embed_positions.weight",
        "embeddings.position_embeddings.weight",
    ):
        assert '--hf-overrides is {"max_position_embeddings": 9}' in refusal(with_tensor(made(tmp_path), name), *line)


def with_tensor(manifest: Manifest, name: str) -> Manifest:
    (first, *rest) = manifest.parts
    tensors = [first.tensors[0].model_copy(update={"name": name}), *first.tensors[1:]]
    return manifest.model_copy(update={"parts": [first.model_copy(update={"tensors": tensors}), *rest]})


def test_ranks_that_share_experts_or_attention_are_refused_where_the_model_has_them(tmp_path: Path) -> None:
    plain = made(tmp_path)
    experts = with_tensor(plain, "model.layers.0.mlp.experts.w13_weight")
    latent = with_tensor(plain, "model.layers.0.self_attn.kv_a_proj_with_mqa.weight")
    for flag in ("--data-parallel-size", "--prefill-context-parallel-size"):
        guard(plain, "-tp", "2", flag, "2")
        assert f"{flag} is 2: experts are spread" in refusal(experts, "-tp", "2", flag, "2")
    for manifest in (plain, experts):
        guard(manifest, "-tp", "2", "-dcp", "2")
    assert "other attention weights" in refusal(latent, "-tp", "2", "-dcp", "2")
    assert "placement-strategy is round_robin" in refusal(
        experts, "-tp", "2", "--expert-placement-strategy", "round_robin"
    )


def test_flags_in_a_file_are_read_as_vllm_reads_them(tmp_path: Path) -> None:
    manifest = made(tmp_path)
    file = tmp_path / "server.yaml"
    file.write_text("tensor-parallel-size: 2\nport: 1\nenable-expert-parallel: false\nlora-modules: [a, b]\n")
    guard(manifest, "/models/x", "--config", str(file))
    assert "--tensor-parallel-size is 4" in refusal(manifest, "--config", str(file), "-tp", "4")
    file.write_text("tensor-parallel-size: 2\nquantization: null\nhf-config-path:\n")
    guard(manifest, "--config", str(file))
    file.write_text("tensor_parallel_size: 2\nhf-overrides: {a: 1}\n")
    assert "--hf-overrides is" in refusal(manifest, "--config", str(file))


VALUES = st.text('abcxyz019._{}[]":, -$\n=', max_size=20)
ENGINES: Any = st.fixed_dictionaries(
    {"tensorParallelSize": st.integers(1, 8), "pipelineParallelSize": st.integers(1, 3)},
    optional={
        "enableExpertParallel": st.booleans(),
        "dtype": st.sampled_from(["auto", "half", "bfloat16"]),
        "quantization": VALUES,
        "trustRemoteCode": st.booleans(),
        "hfOverrides": st.just("") | st.dictionaries(VALUES, VALUES, max_size=2).map(json.dumps),
        "extraArgs": st.fixed_dictionaries(
            {},
            optional={
                "load_format": st.sampled_from(["pt", "runai_streamer"]),
                "runner": st.sampled_from(["auto", "pooling", "generate"]),
                "moe_backend": st.sampled_from(["triton", "--api-key=x", "auto", "flashinfer-trtllm"]),
                "language_model_only": st.sampled_from(["true", "false"]),
                "limit_mm_per_prompt": st.sampled_from(['{"image": 0}', '{"image": 2, "video": 0}']),
                "code_revision": st.sampled_from(["main", "-x"]),
                "safetensors_load_strategy": st.just("lazy"),
            },
        ),
    },
)
DECIDING = {
    "tensorParallelSize": "--tensor-parallel-size",
    "pipelineParallelSize": "--pipeline-parallel-size",
    "enableExpertParallel": "--enable-expert-parallel",
    "hfOverrides": "--hf-overrides",
}


def _published(engine: dict[str, Any], pattern: str) -> tuple[Manifest, list[str], list[str]]:
    """The manifest of what a spec makes, its serving arguments, and those of a spec that differs in each field."""
    output = {"persistentVolumeClaim": {"claimName": "c"}, "filePattern": pattern}
    body = {"source": {"persistentVolumeClaim": {"claimName": "c"}}, "engine": engine, "output": output}
    spec = Spec.model_validate(body)
    settings = spec.engine.settings()
    dtype = {"half": "torch.float16"}.get(settings.dtype, "torch.bfloat16")
    file_pattern = pattern or default_file_pattern(settings.pipeline_parallel_size)
    base = MANIFEST.engine.model_copy(update={"settings": settings, "dtype": dtype, "quantization": "resolved"})
    manifest = MANIFEST.model_copy(update={"engine": base, "file_pattern": file_pattern})
    return manifest, serving_of(spec, artifact("0" * 16)).args, [spec.output.file_pattern]


@pytest.fixture(scope="module", autouse=True)
def _manifest(tmp_path_factory: pytest.TempPathFactory) -> None:
    global MANIFEST
    MANIFEST = write_artifact(tmp_path_factory.mktemp("made"))


MANIFEST: Manifest


@given(ENGINES, st.booleans())
def test_the_arguments_in_a_status_are_taken_and_each_deciding_change_is_refused_by_name(
    engine: dict[str, Any], named: bool
) -> None:
    pattern = (
        ("s-{pp_rank}.{rank}-{part}" if engine["pipelineParallelSize"] > 1 else "s-{rank}-{part}") if named else ""
    )
    manifest, words, _ = _published(engine, pattern and pattern + ".safetensors")
    assert guard(manifest, *words) == []
    assert guard(manifest, "vllm", "serve", "--port", "8000", *words, "--enable-lora") == []
    changes = {
        "tensorParallelSize": engine["tensorParallelSize"] + 1,
        "pipelineParallelSize": engine["pipelineParallelSize"] + 1,
        "enableExpertParallel": not engine.get("enableExpertParallel", False),
        "hfOverrides": '{"other": true}',
    }
    for field, value in changes.items():
        _, others, _ = _published({**engine, field: value}, "")
        assert f"{DECIDING[field]} is" in refusal(manifest, *others)
    if named:
        without = [word for word in words if word != "--model-loader-extra-config" and "pattern" not in word]
        assert "--model-loader-extra-config pattern is" in refusal(manifest, *without)


def test_what_could_not_be_compared_is_said(tmp_path: Path) -> None:
    manifest = made(tmp_path)
    settings = manifest.engine.settings
    told = check_for_serving(manifest, settings, "", "", {})
    assert [word for line in told for word in line.split() if word.startswith("--")] == [
        "--serving-vllm",
        "--serving-accelerator",
        "--load-format",
    ]
    assert check_for_serving(manifest, settings, "0.32.1", "NVIDIA H200", {"load-format": "sharded_state"}) == []
    (unsure,) = check_for_serving(manifest, settings, "0.32.1", "NVIDIA", {"load-format": "sharded_state"})
    assert "is not known" in unsure
    for other in ("AMD Instinct MI300X", "cpu", "Intel(R) Data Center GPU Max 1550"):
        with pytest.raises(WorkerFailure, match="the accelerator is"):
            check_for_serving(manifest, settings, "0.32.1", other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("NVIDIA H100 80GB HBM3", "NVIDIA H200", True),
        ("NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB", False),
        ("NVIDIA L40S", "NVIDIA GeForce RTX 4090", True),
        ("AMD Instinct MI300X", "AMD gfx942", True),
        ("AMD Instinct MI300X", "AMD Instinct MI355X", False),
        ("AMD Instinct MI300X", "NVIDIA H100", False),
        ("xpu", "Intel", None),
        ("xpu", "cpu", False),
        ("cpu", "CPU", True),
        ("", "NVIDIA H100", None),
        ("NVIDIA Future 1", "NVIDIA H100", None),
        ("NVIDIA Future 1", "nvidia future 1", True),
    ],
)
def test_families_of_accelerators(one: str, other: str, same: bool | None) -> None:
    assert same_family(one, other) is same_family(other, one) is same


def device(root: Path, name: str, vendor: str, kind: str) -> None:
    folder = root / "sys/bus/pci/devices" / name
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(vendor + "\n")
    (folder / "class").write_text(kind + "\n")


def test_accelerators_are_seen_by_what_the_kernel_shows(tmp_path: Path) -> None:
    assert visible_accelerators(tmp_path) == []
    device(tmp_path, "0000:00:00.0", "0x8086", "0x060000")
    device(tmp_path, "0000:00:02.0", "0x8086", "0x030000")
    assert visible_accelerators(tmp_path) == ["cpu"]
    device(tmp_path, "0000:3a:00.0", "0x8086", "0x038000")
    assert visible_accelerators(tmp_path) == ["Intel"]


def test_accelerators_of_each_maker(tmp_path: Path) -> None:
    device(tmp_path, "0000:01:00.0", "0x10de", "0x030200")
    assert visible_accelerators(tmp_path) == ["NVIDIA"]
    driver = tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0"
    driver.mkdir(parents=True)
    (driver / "information").write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ: 1\n")
    assert visible_accelerators(tmp_path) == ["NVIDIA H100 80GB HBM3"]
    for number, version in enumerate((0, 90402, 90010)):
        node = tmp_path / f"sys/class/kfd/kfd/topology/nodes/{number}"
        node.mkdir(parents=True)
        (node / "properties").write_text(f"cpu_cores_count 64\ngfx_target_version {version}\n")
    device(tmp_path, "0000:02:00.0", "0x1002", "0x120000")
    assert visible_accelerators(tmp_path) == ["AMD gfx90a", "AMD gfx942", "NVIDIA H100 80GB HBM3"]


def test_a_crafted_artifact_is_shown_without_what_a_terminal_would_obey(tmp_path: Path) -> None:
    write_artifact(tmp_path, settings=MADE)
    text = (tmp_path / "shardwright.json").read_text()
    evil = json.dumps("[/nope][bold]\x1b[2J\x9b31m\u202e\nx")[1:-1]
    for spot in ("org/model", "engine:1", "2026-01-02T03:04:05Z", "config.json", "triton", "NVIDIA H100"):
        assert spot in text
        text = text.replace(spot, evil)
    (tmp_path / "shardwright.json").write_text(text)
    stream = io.StringIO()
    print_artifact(read_manifest(tmp_path), Console(file=stream, width=300))
    shown = stream.getvalue()
    assert "[/nope][bold]�[2J" in shown
    assert not {"\x1b", "\x9b", "\u202e"} & {*shown}
