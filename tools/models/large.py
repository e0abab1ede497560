"""`python -m tools.models.large 70B FOLDER`: writes a random Llama with the shapes of a published size, for benchmarks.

Needs torch and safetensors, not vLLM. Layers are written by several processes, each on an accelerator of its own if
there are any.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Shape:
    """The sizes of a Llama 3: of its layers, of one layer, and of the vocabulary."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    key_value_heads: int = 8
    vocabulary: int = 128256

    @property
    def config(self) -> dict[str, object]:
        """What config.json says."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_value_heads,
            "vocab_size": self.vocabulary,
            "hidden_act": "silu",
            "max_position_embeddings": 8192,
            "rms_norm_eps": 1e-5,
            "rope_theta": 500000.0,
            "tie_word_embeddings": False,
            "torch_dtype": "bfloat16",
        }


# https://huggingface.co/meta-llama/Llama-3.1-8B/blob/main/config.json, and the same of 70B
SHAPES = {
    "0.2B": Shape(2, 2048, 4096, 16, vocabulary=32000),
    "8B": Shape(32, 4096, 14336, 32),
    "35B": Shape(40, 8192, 28672, 64),  # half the layers of 70B: for each of two ranks what four have of 70B
    "70B": Shape(80, 8192, 28672, 64),
}


def write_llama(folder: Path, shape: Shape, processes: int = 1) -> Path:
    """Write the model to a new folder, and return the folder: 16 GB for 8B, 141 GB for 70B."""
    folder.mkdir(parents=True)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for written in [pool.submit(_write_layer, folder, shape, layer) for layer in range(-1, shape.layers)]:
            written.result()
    (folder / "config.json").write_text(json.dumps(shape.config, indent=2))
    return folder


def _write_layer(folder: Path, shape: Shape, layer: int) -> None:
    devices = torch.cuda.device_count()
    device = f"cuda:{layer % devices}" if devices else "cpu"
    torch.manual_seed(layer + 1)
    tensors = _layer(shape, layer, device) if layer >= 0 else _outer(shape, device)
    cpu = {name: tensor.cpu() for name, tensor in tensors.items()}
    save_file(cpu, folder / f"model-{layer + 2:05}-of-{shape.layers + 1:05}.safetensors", {"format": "pt"})


def _outer(shape: Shape, device: str) -> Tensors:
    return {
        "model.embed_tokens.weight": _random(shape.vocabulary, shape.hidden, device),
        "lm_head.weight": _random(shape.vocabulary, shape.hidden, device),
        "model.norm.weight": torch.ones(shape.hidden, dtype=torch.bfloat16, device=device),
    }


def _layer(shape: Shape, layer: int, device: str) -> Tensors:
    prefix, keys = f"model.layers.{layer}.", shape.hidden // shape.heads * shape.key_value_heads
    rows = {"self_attn.q": shape.hidden, "self_attn.k": keys, "self_attn.v": keys, "self_attn.o": shape.hidden}
    rows |= {"mlp.gate": shape.intermediate, "mlp.up": shape.intermediate}
    tensors = {f"{prefix}{name}_proj.weight": _random(count, shape.hidden, device) for name, count in rows.items()}
    tensors[f"{prefix}mlp.down_proj.weight"] = _random(shape.hidden, shape.intermediate, device)
    for norm in ("input", "post_attention"):
        tensors[f"{prefix}{norm}_layernorm.weight"] = torch.ones(shape.hidden, dtype=torch.bfloat16, device=device)
    return tensors


def _random(rows: int, columns: int, device: str) -> torch.Tensor:
    return torch.randn(rows, columns, dtype=torch.bfloat16, device=device) * 0.02


def main() -> None:
    """Write the model of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.models.large", description=__doc__)
    parser.add_argument("size", choices=SHAPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=max(1, torch.cuda.device_count()))
    arguments = parser.parse_args()
    write_llama(arguments.folder, SHAPES[arguments.size], arguments.processes)


if __name__ == "__main__":
    main()
