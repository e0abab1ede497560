"""A tiny gpt-oss whose experts are in MXFP4, as OpenAI publishes it."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tools.models.architectures import build

_BLOCK = 32  # values with one scale; two values are packed in one byte


def gpt_oss_mxfp4(folder: Path) -> Path:
    """Write the model; the names and shapes are those of https://huggingface.co/openai/gpt-oss-20b."""
    experts, width = 4, 256
    build(
        folder,
        "GptOssForCausalLM",
        num_local_experts=experts,
        num_experts_per_tok=2,
        num_key_value_heads=4,
        head_dim=64,
    )
    weights, path = folder / "model.safetensors", folder / "config.json"
    tensors = load_file(weights)
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        columns, rows = tensors.pop(name).shape[1:]
        shape = (experts, rows, columns // _BLOCK)
        tensors[f"{name}_blocks"] = torch.randint(0, 256, (*shape, _BLOCK // 2), dtype=torch.uint8)
        tensors[f"{name}_scales"] = torch.randint(117, 122, shape, dtype=torch.uint8)
    save_file(tensors, weights, {"format": "pt"})
    config = json.loads(path.read_text())
    kept = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
    config["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": kept}
    path.write_text(json.dumps({**config, "intermediate_size": width}))
    return folder
