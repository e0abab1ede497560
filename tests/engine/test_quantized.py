"""Checkpoints of one byte a weight: the same weights from the shards, and what is missing is noticed in them, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from tests.engine.conftest import Make
from tools.models import language
from tools.models.quantized import INT8


def test_weights_of_eight_bits(make: Make, output: Path, tmp_path: Path) -> None:
    report = make(INT8.llama(tmp_path / "source"), tensor_parallel_size=2)
    manifest = read_manifest(output / report.key)
    assert manifest.engine.quantization == "compressed-tensors"
    assert {tensor.dtype for part in manifest.parts for tensor in part.tensors} == {"I8", "BF16", "F32"}


def test_a_missing_weight_of_eight_bits_is_named(make: Make, tmp_path: Path) -> None:
    missing = "model.layers.1.self_attn.v_proj.weight"

    def change(tensors: language.Tensors) -> None:
        del tensors[missing]

    with pytest.raises(WorkerFailure) as refused:
        make(INT8.llama(tmp_path / "source", change))
    assert refused.value.reason == Reason.SOURCE_INCOMPLETE, refused.value.message
    assert missing in refused.value.message
