"""What cannot be exact is refused, with the reason and the name of what is wrong; nothing is published."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from tests import models
from tests.engine.conftest import Make


def _without(name: str) -> Callable[[dict[str, torch.Tensor]], None]:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        del tensors[name]

    return change


@pytest.mark.parametrize(
    "missing",
    [
        "model.layers.0.mlp.down_proj.weight",
        "model.layers.1.self_attn.k_proj.weight",
        "model.layers.0.input_layernorm.weight",
    ],
)
def test_a_tensor_that_the_source_lacks_is_named(make: Make, output: Path, tmp_path: Path, missing: str) -> None:
    source = models.llama(tmp_path / "source", change=_without(missing))
    with pytest.raises(WorkerFailure) as refused:
        make(source)
    assert refused.value.reason == Reason.SOURCE_INCOMPLETE
    assert missing in refused.value.message
    assert refused.value.rank in (0, None)
    assert not list(output.glob("*/shardwright.json"))


def test_parallel_sizes_that_do_not_divide_are_refused_in_vllms_words(make: Make, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailure) as refused:
        make(models.llama(tmp_path / "source"), tensor_parallel_size=3)
    assert refused.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert "divisible by tensor parallel size (3)" in refused.value.message


def test_an_architecture_that_vllm_does_not_know_is_refused(make: Make, tmp_path: Path) -> None:
    source = models.llama(tmp_path / "source")
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(
        json.dumps({**config, "architectures": ["NoSuchModel"], "model_type": "nosuch"})
    )
    with pytest.raises(WorkerFailure) as refused:
        make(source)
    assert refused.value.reason == Reason.UNSUPPORTED_MODEL


def test_a_quantisation_that_does_not_exist_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailure) as refused:
        make(models.llama(tmp_path / "source"), quantization="nosuch")
    assert refused.value.reason in (Reason.UNSUPPORTED_QUANTIZATION, Reason.INVALID_ENGINE_ARGUMENTS)
    assert "nosuch" in refused.value.message
