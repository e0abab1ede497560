"""What cannot become an artifact ends with its reason, and names what is wrong; nothing is published."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from tests.engine.conftest import Make
from tools.models import language, mixture_of_experts


@pytest.fixture
def refused(make: Make, output: Path) -> Callable[..., WorkerFailure]:
    """How a source ends that must not be published."""

    def run(source: Path, **settings: Any) -> WorkerFailure:
        with pytest.raises(WorkerFailure) as raised:
            make(source, **settings)
        assert list(output.iterdir()) == []
        return raised.value

    return run


def _without(*names: str) -> Callable[[language.Tensors], None]:
    def change(tensors: language.Tensors) -> None:
        for name in names:
            del tensors[name]

    return change


def test_a_missing_linear_weight_is_named(refused: Callable[..., WorkerFailure], tmp_path: Path) -> None:
    gone = ["model.layers.0.self_attn.k_proj.weight", "model.layers.1.mlp.down_proj.weight"]
    failure = refused(language.llama(tmp_path / "source", _without(*gone)))
    assert failure.reason is Reason.SOURCE_INCOMPLETE
    assert failure.rank == 0
    assert all(name in failure.message for name in gone)
    assert "v_proj" not in failure.message


def test_a_missing_linear_weight_is_named_by_a_rank(refused: Callable[..., WorkerFailure], tmp_path: Path) -> None:
    source = language.llama(tmp_path / "source", _without("model.layers.0.mlp.up_proj.weight"))
    failure = refused(source, tensor_parallel_size=2)
    assert (failure.reason, failure.error_type) == (Reason.SOURCE_INCOMPLETE, "WorkerFailure")
    assert failure.rank in (0, 1)
    assert "model.layers.0.mlp.up_proj.weight" in failure.message


def test_a_missing_norm_is_named(refused: Callable[..., WorkerFailure], tmp_path: Path) -> None:
    failure = refused(language.llama(tmp_path / "source", _without("model.norm.weight")))
    assert failure.reason is Reason.SOURCE_INCOMPLETE
    assert "model.norm.weight" in failure.message


def test_a_missing_expert_is_named(refused: Callable[..., WorkerFailure], tmp_path: Path) -> None:
    prefix = "model.layers.1.mlp.experts.2."
    gone = _without(*(f"{prefix}{one}_proj.weight" for one in ("gate", "up", "down")))
    failure = refused(mixture_of_experts.qwen3_moe(tmp_path / "source", change=gone))
    assert failure.reason is Reason.SOURCE_INCOMPLETE
    assert "model.layers.1.mlp.experts" in failure.message
    assert "expert 2" in failure.message


@pytest.mark.parametrize(
    ("config", "settings", "reason", "words"),
    [
        ({}, {"tensor_parallel_size": 3}, Reason.INVALID_ENGINE_ARGUMENTS, "must be divisible by tensor parallel size"),
        ({"model_type": "flummi"}, {}, Reason.UNSUPPORTED_MODEL, "flummi"),
        ({}, {"quantization": "flummi"}, Reason.UNSUPPORTED_QUANTIZATION, "flummi"),
        ({}, {"quantization": "awq"}, Reason.UNSUPPORTED_QUANTIZATION, "awq"),
        ({}, {"quantization": "fp8"}, Reason.UNSUPPORTED_QUANTIZATION, "fp8 is done while loading"),
        ({}, {"enable_expert_parallel": True}, Reason.INVALID_ENGINE_ARGUMENTS, "experts"),
        (
            {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}},
            {},
            Reason.INVALID_ENGINE_ARGUMENTS,
            "trust_remote_code",
        ),
    ],
)
def test_arguments_that_do_not_fit_the_model(
    refused: Callable[..., WorkerFailure],
    tmp_path: Path,
    config: dict[str, Any],
    settings: dict[str, Any],
    reason: Reason,
    words: str,
) -> None:
    failure = refused(language.llama(tmp_path / "source", **config), **settings)
    assert failure.reason is reason, failure.message
    assert words.lower() in failure.message.lower()
    assert "\n" not in failure.message


def test_a_damaged_source_is_named(refused: Callable[..., WorkerFailure], tmp_path: Path) -> None:
    source = language.llama(tmp_path / "source")
    weights = source / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert refused(source).reason is Reason.SOURCE_CORRUPT
    weights.unlink()
    assert refused(source).reason is Reason.SOURCE_INCOMPLETE
    (source / "config.json").write_text(json.dumps({})[:-1])
    assert refused(source).reason is Reason.SOURCE_CORRUPT
