"""The forms in which the weights of a model are stored: several files, or PyTorch's own format."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from tools.models.architectures import build


def llama_in_several_files(folder: Path) -> Path:
    """Write a Llama whose weights are in several files, with their index."""
    return build(folder, "LlamaForCausalLM", max_shard_size="1MB")


def llama_as_bin(folder: Path) -> Path:
    """Write a Llama in PyTorch's own format."""
    build(folder, "LlamaForCausalLM")
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    return folder
