"""Tiny models in the quantization formats of published checkpoints, with their quantization_config."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tools.models import language
from tools.models.language import LAYERS, Tensors

_GROUP = 32
_PROJECTION = re.compile(r"_proj(_with_mqa)?\.weight$")
_NIBBLES = 8  # weights of four bits in one int32


@dataclass(frozen=True)
class Quantization:
    """A quantization: its config, and the tensors of a linear layer by the name of the layer and its weight."""

    config: dict[str, Any]
    quantize: Callable[[str, torch.Tensor], Tensors]

    def change(self, tensors: Tensors) -> None:
        """Replace the weight of every projection by its quantized tensors."""
        for name in [name for name in tensors if _PROJECTION.search(name)]:
            tensors |= self.quantize(name.removesuffix(".weight"), tensors.pop(name))

    def apply(self, folder: Path) -> Path:
        """Quantize the model in a folder, whose weights are in one file, and return the folder."""
        weights, config = folder / "model.safetensors", folder / "config.json"
        tensors = load_file(weights)
        self.change(tensors)
        save_file(tensors, weights, {"format": "pt"})
        config.write_text(json.dumps({**json.loads(config.read_text()), "quantization_config": self.config}))
        return folder

    def llama(self, folder: Path, change: language.Change | None = None) -> Path:
        """Write a quantized Llama; `change` may change its quantized weights first."""

        def both(tensors: Tensors) -> None:
            self.change(tensors)
            if change:
                change(tensors)

        return language.llama(folder, both, quantization_config=self.config)


def _compressed(layout: str, weights: dict[str, Any], activations: dict[str, Any] | None) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": {"symmetric": True, "dynamic": False, **weights}}
    if activations:
        group["input_activations"] = {"symmetric": True, "dynamic": True, **activations}
    return {
        "quant_method": "compressed-tensors",
        "format": layout,
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "config_groups": {"group_0": group},
    }


def _eight_bits(
    number: str, quantize: Callable[[str, torch.Tensor], Tensors], weights: dict[str, Any], activations: dict[str, Any]
) -> Quantization:
    bits = {"num_bits": 8, "type": number}
    return Quantization(_compressed(f"{number}-quantized", {**bits, **weights}, {**bits, **activations}), quantize)


def _int8(name: str, weight: torch.Tensor) -> Tensors:
    scale = weight.float().abs().amax(dim=1, keepdim=True) / 127
    return {
        f"{name}.weight": (weight.float() / scale).round().to(torch.int8),
        f"{name}.weight_scale": scale.to(torch.bfloat16),
    }


def _fp8(name: str, weight: torch.Tensor) -> Tensors:
    scale = weight.float().abs().amax(dim=1, keepdim=True) / 448
    return {f"{name}.weight": (weight.float() / scale).to(torch.float8_e4m3fn), f"{name}.weight_scale": scale}


def _fp8_tensor(name: str, weight: torch.Tensor) -> Tensors:
    scale = weight.float().abs().max() / 448
    return {
        f"{name}.weight": (weight.float() / scale).to(torch.float8_e4m3fn),
        f"{name}.weight_scale": scale.reshape(1),
        f"{name}.input_scale": torch.tensor([0.02]),
    }


def _fp8_scalar(name: str, weight: torch.Tensor) -> Tensors:
    tensors = _fp8_tensor(name, weight)
    return {key: one.reshape(()) if key.endswith("_scale") else one for key, one in tensors.items()}


def _fp8_compressed_blocks(name: str, weight: torch.Tensor) -> Tensors:
    tensors = _fp8_blocks(name, weight)
    return {key.removesuffix("_inv"): one for key, one in tensors.items()}


def _nvfp4(name: str, weight: torch.Tensor) -> Tensors:
    rows, columns = weight.shape
    return {
        f"{name}.weight_packed": torch.randint(0, 256, (rows, columns // 2), dtype=torch.uint8),
        f"{name}.weight_scale": (torch.rand(rows, columns // 16) * 100 + 50).to(torch.float8_e4m3fn),
        f"{name}.weight_global_scale": torch.tensor([10000.0]),
        f"{name}.input_global_scale": torch.tensor([100.0]),
    }


def _fp8_blocks(name: str, weight: torch.Tensor) -> Tensors:
    rows, columns = (-(-size // 128) for size in weight.shape)
    scale = torch.full((rows, columns), float(weight.float().abs().max()) / 448)
    quantized = (weight.float() / scale[0, 0]).to(torch.float8_e4m3fn)
    return {f"{name}.weight": quantized, f"{name}.weight_scale_inv": scale}


def _int4(name: str, weight: torch.Tensor) -> Tensors:
    rows, columns = weight.shape
    return {
        f"{name}.weight_packed": _random_int32(rows, columns // _NIBBLES),
        f"{name}.weight_scale": _random_scales(rows, columns // _GROUP).to(torch.bfloat16),
        f"{name}.weight_shape": torch.tensor([rows, columns]),
    }


def _gptq(name: str, weight: torch.Tensor) -> Tensors:
    rows, columns = weight.shape
    return {
        f"{name}.qweight": _random_int32(columns // _NIBBLES, rows),
        f"{name}.qzeros": torch.full((columns // _GROUP, rows // _NIBBLES), 0x77777777, dtype=torch.int32),
        f"{name}.scales": _random_scales(columns // _GROUP, rows),
        f"{name}.g_idx": torch.arange(columns, dtype=torch.int32) // _GROUP,
    }


def _gptq_in_order(name: str, weight: torch.Tensor) -> Tensors:
    """Groups in the order of activations: any column may belong to any group."""
    tensors = _gptq(name, weight)
    tensors[f"{name}.g_idx"] = tensors[f"{name}.g_idx"][torch.randperm(weight.shape[1])]
    return tensors


def _awq(name: str, weight: torch.Tensor) -> Tensors:
    rows, columns = weight.shape
    return {
        f"{name}.qweight": _random_int32(columns, rows // _NIBBLES),
        f"{name}.qzeros": _random_int32(columns // _GROUP, rows // _NIBBLES),
        f"{name}.scales": _random_scales(columns // _GROUP, rows),
    }


def _random_int32(*shape: int) -> torch.Tensor:
    return torch.randint(-(2**31), 2**31, shape, dtype=torch.int64).to(torch.int32)


def _random_scales(*shape: int) -> torch.Tensor:
    return (torch.rand(shape) * 0.004 + 0.004).to(torch.float16)


_FOUR_BITS = {"bits": 4, "group_size": _GROUP}
_PER_CHANNEL, _PER_TOKEN, _PER_TENSOR = {"strategy": "channel"}, {"strategy": "token"}, {"strategy": "tensor"}
INT8 = _eight_bits("int", _int8, _PER_CHANNEL, _PER_TOKEN)
FP8 = _eight_bits("float", _fp8, _PER_CHANNEL, _PER_TOKEN)
FP8_TENSOR = _eight_bits("float", _fp8_tensor, _PER_TENSOR, {**_PER_TENSOR, "dynamic": False})
FP8_COMPRESSED_BLOCKS = _eight_bits(
    "float",
    _fp8_compressed_blocks,
    {"strategy": "block", "block_structure": [128, 128]},
    {"strategy": "group", "group_size": 128},
)
FP8_STATIC = Quantization({"quant_method": "fp8", "activation_scheme": "static"}, _fp8_scalar)
_ROUTERS = [f"model.layers.{layer}.mlp.gate" for layer in range(LAYERS)]
FP8_BLOCKS = Quantization(
    {
        "quant_method": "fp8",
        "activation_scheme": "dynamic",
        "weight_block_size": [128, 128],
        "fmt": "e4m3",
        "modules_to_not_convert": ["lm_head", *_ROUTERS],  # as in Qwen3-30B-A3B-FP8
    },
    _fp8_blocks,
)
FP8_MODELOPT = Quantization(
    {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": None, "exclude_modules": ["lm_head"]},
    _fp8_scalar,
)
_SIXTEENS = {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16}
NVFP4 = Quantization(_compressed("nvfp4-pack-quantized", _SIXTEENS, {**_SIXTEENS, "dynamic": "local"}), _nvfp4)
INT4 = Quantization(
    _compressed("pack-quantized", {"num_bits": 4, "type": "int", "strategy": "group", "group_size": _GROUP}, None),
    _int4,
)
GPTQ = Quantization({"quant_method": "gptq", "desc_act": False, "sym": True, **_FOUR_BITS}, _gptq)
GPTQ_IN_ORDER = Quantization({"quant_method": "gptq", "desc_act": True, "sym": True, **_FOUR_BITS}, _gptq_in_order)
AWQ = Quantization({"quant_method": "awq", "version": "gemm", "zero_point": True, **_FOUR_BITS}, _awq)
