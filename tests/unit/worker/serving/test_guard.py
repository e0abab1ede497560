"""A server that would misread an artifact is rejected."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.serving.guard import check_for_serving
from tests.unit.worker.serving_cases import MADE, guard, made, refusal, with_tensor
from tools.testing.tiny_files import write_artifact


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
def test_servers_that_may_load_it(tmp_path: Path, engine: dict[str, object], vllm: str, accelerator: str) -> None:
    manifest = write_artifact(tmp_path, settings=MADE)
    check_for_serving(manifest, MADE.model_copy(update=engine), vllm, accelerator)


def test_ranks_that_share_experts_or_attention_are_rejected_where_the_model_has_them(tmp_path: Path) -> None:
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


def test_values_that_could_not_be_compared_are_reported(tmp_path: Path) -> None:
    manifest = made(tmp_path)
    settings = manifest.engine.settings
    notes = check_for_serving(manifest, settings, "", "", {})
    assert [word for line in notes for word in line.split() if word.startswith("--")] == [
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
