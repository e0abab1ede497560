"""Weights that a source did not write are found in every type; what vLLM fills itself is not taken for one."""

from __future__ import annotations

import pytest
import torch

from shardwright_worker.shard.missing_tensors import find_missing
from shardwright_worker.shard.unwritten_memory import Marking

TYPES = (
    torch.bfloat16,
    torch.float16,
    torch.float32,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.uint8,
    torch.int8,
    torch.int32,
    torch.int64,
)
QKV = {"qkv_proj": ["q_proj", "k_proj", "v_proj"]}
NAME = "layers.0.attention.qkv_proj.weight"
SOURCE = {f"layers.0.attention.{one}_proj.weight" for one in "qkv"}


def _empty(*shape: int, kind: torch.dtype = torch.bfloat16) -> torch.Tensor:
    with Marking():
        return torch.empty(*shape, dtype=kind)


def _write(tensor: torch.Tensor) -> None:
    tensor.copy_(torch.arange(tensor.numel()).reshape(tensor.shape).to(tensor.dtype))


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_a_weight_that_was_not_written_is_missing(kind: torch.dtype) -> None:
    state = {"norm.weight": _empty(8, kind=kind), "proj.weight": _empty(8, 4, kind=kind)}
    assert find_missing(state, {}, set(), False) == ["norm.weight", "proj.weight"]
    for tensor in state.values():
        _write(tensor)
    assert find_missing(state, {}, set(), False) == []


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_a_missing_part_of_a_fused_weight_has_the_name_in_the_source(kind: torch.dtype) -> None:
    tensor = _empty(12, 8, kind=kind)
    _write(tensor[:4])
    _write(tensor[8:])
    missing = "layers.0.attention.k_proj.weight"
    assert find_missing({NAME: tensor}, QKV, SOURCE - {missing}, False) == [missing]


def test_a_filled_weight_is_not_missing() -> None:
    with Marking():
        state = {"scale": torch.ones(4), "zeros": torch.zeros(4, 4), "full": torch.full((3, 3), 7)}
        model = torch.nn.Linear(4, 4)
    assert find_missing({**state, **model.state_dict()}, {}, set(), False) == []


def test_padding_is_filled_with_zeros() -> None:
    tensor = _empty(12, 8)
    _write(tensor[:10])
    assert find_missing({NAME: tensor}, QKV, SOURCE, False) == []
    assert not tensor[10:].any()


@pytest.mark.parametrize("gone", ["expert", "first half", "second half", "down"])
def test_an_expert_without_its_weight_is_named(gone: str) -> None:
    up, down = _empty(3, 8, 4), _empty(3, 4, 4)
    _write(up)
    _write(down)
    with Marking():
        if gone == "down":
            down[1] = torch.empty(4, 4, dtype=torch.bfloat16)
        else:
            rows = {"expert": slice(0, 8), "first half": slice(0, 4), "second half": slice(4, 8)}[gone]
            up[1, rows] = torch.empty(8, 4, dtype=torch.bfloat16)[rows]
    name = "w2_weight" if gone == "down" else "w13_weight"
    state = {"layers.0.mlp.experts.w13_weight": up, "layers.0.mlp.experts.w2_weight": down}
    [missing] = find_missing(state, {}, set(), False)
    assert missing.startswith(f"layers.0.mlp.experts.{name} expert 1")
