"""Checkpoints of one byte a weight: the same weights from the shards, and what is missing is noticed in them, too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from shardwright_worker.artifact.find import read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from tests import models
from tests.engine.conftest import Make

_EIGHT = {"num_bits": 8, "type": "int", "symmetric": True}
CONFIG = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {**_EIGHT, "strategy": "channel", "dynamic": False},
            "input_activations": {**_EIGHT, "strategy": "token", "dynamic": True},
        }
    },
}


def _quantise(tensors: models.Tensors) -> None:
    for name in [name for name in tensors if name.endswith("_proj.weight")]:
        weight = tensors[name].float()
        scale = weight.abs().amax(dim=1, keepdim=True) / 127
        tensors[name] = (weight / scale).round().to(torch.int8)
        tensors[f"{name}_scale"] = scale.to(torch.bfloat16)


def test_weights_of_eight_bits(make: Make, output: Path, tmp_path: Path) -> None:
    report = make(models.llama(tmp_path / "source", _quantise, quantization_config=CONFIG), tensor_parallel_size=2)
    manifest = read_manifest(output / report.key)
    assert manifest.engine.quantization == "compressed-tensors"
    assert {tensor.dtype for part in manifest.parts for tensor in part.tensors} == {"I8", "BF16", "F32"}


def test_a_missing_weight_of_eight_bits_is_named(make: Make, tmp_path: Path) -> None:
    missing = "model.layers.1.self_attn.v_proj.weight"

    def change(tensors: models.Tensors) -> None:
        _quantise(tensors)
        del tensors[missing]

    with pytest.raises(WorkerFailure) as refused:
        make(models.llama(tmp_path / "source", change, quantization_config=CONFIG))
    assert refused.value.reason == Reason.SOURCE_INCOMPLETE, refused.value.message
    assert missing in refused.value.message
