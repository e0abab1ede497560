"""Tiny dense language models, with the tensors that all language models share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]
Build = Callable[[Path], Path]
Change = Callable[[Tensors], None]
VOCABULARY, HIDDEN, INTERMEDIATE, LAYERS = 250, 128, 256, 2
# Keys and values have 128 columns, as quantization in blocks of 128 by 128 requires.
HEADS, KEY_VALUE_HEADS, HEAD_SIZE = 4, 2, 64
_COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": INTERMEDIATE,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KEY_VALUE_HEADS,
    "head_dim": HEAD_SIZE,
    "hidden_act": "silu",
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "torch_dtype": "bfloat16",
}


def llama(folder: Path, change: Change | None = None, **config: Any) -> Path:
    """Write a dense Llama; `change` may change its weights first, `config` replaces keys of config.json."""
    tensors = outer_tensors()
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        tensors |= attention(prefix) | mlp(prefix + "mlp.", INTERMEDIATE)
    return write_model(
        folder, tensors, {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **config}, change
    )


def add_tokenizer(folder: Path) -> Path:
    """Write a tokenizer of whole words with a chat template to a model's folder, and return the folder."""
    words = ["<s>", "</s>", "<unk>", "Hello", "world", "is", "def", "main", "return", "It"]
    tokenizer: dict[str, Any] = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: at for at, word in enumerate(words)}, "unk_token": "<unk>"},
    }
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
        "bos_token": "<s>",
        "eos_token": "</s>",
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").write_text("{% for message in messages %}{{ message.content }}{% endfor %}")
    return folder


def embedder(folder: Path) -> Path:
    """Write a sentence-transformers model: mean pooling of a Llama, and a dense module that projects to 32 dimensions.

    https://www.sbert.net/docs/sentence_transformer/usage/custom_models.html
    """

    def headless(tensors: Tensors) -> None:
        del tensors["lm_head.weight"]
        for name in list(tensors):
            tensors[name.removeprefix("model.")] = tensors.pop(name)

    add_tokenizer(llama(folder, headless, architectures=["LlamaModel"]))
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Dense": "Dense"}
    modules = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds.items()]
    dense = {"in_features": HIDDEN, "out_features": 32, "bias": False}
    for name, content in {
        "modules.json": modules,
        "1_Pooling/config.json": {"word_embedding_dimension": HIDDEN, "pooling_mode_mean_tokens": True},
        "2_Dense/config.json": {**dense, "activation_function": "torch.nn.modules.linear.Identity"},
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    save_file(
        {"linear.weight": random_weight(32, HIDDEN, 0.1)}, folder / "2_Dense" / "model.safetensors", {"format": "pt"}
    )
    return folder


def tied_llama(folder: Path, head: str) -> Path:
    """Write a Llama with tied embeddings; `head`: its lm_head, one of none, same and other."""

    def change(tensors: Tensors) -> None:
        if head == "none":
            del tensors["lm_head.weight"]
        if head == "same":
            tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()

    return llama(folder, change, tie_word_embeddings=True)


def outer_tensors() -> Tensors:
    """Return the tensors outside of the layers: embedding, final norm, head."""
    torch.manual_seed(0)
    return {
        "model.embed_tokens.weight": random_weight(VOCABULARY, HIDDEN, 0.5),
        "model.norm.weight": random_norm(HIDDEN),
        "lm_head.weight": random_weight(VOCABULARY, HIDDEN, 0.5),
    }


def attention(prefix: str) -> Tensors:
    """Return the attention projections and the norms of one layer."""
    queries, keys = HEADS * HEAD_SIZE, KEY_VALUE_HEADS * HEAD_SIZE
    return layer_norms(prefix) | {
        f"{prefix}self_attn.q_proj.weight": random_weight(queries, HIDDEN),
        f"{prefix}self_attn.k_proj.weight": random_weight(keys, HIDDEN),
        f"{prefix}self_attn.v_proj.weight": random_weight(keys, HIDDEN),
        f"{prefix}self_attn.o_proj.weight": random_weight(HIDDEN, queries),
    }


def layer_norms(prefix: str) -> Tensors:
    """Return the two norms of one layer."""
    return {f"{prefix}{one}_layernorm.weight": random_norm(HIDDEN) for one in ("input", "post_attention")}


def mlp(prefix: str, width: int) -> Tensors:
    """Return the projections of a gated MLP of this width, also those of one expert."""
    return {
        f"{prefix}gate_proj.weight": random_weight(width, HIDDEN),
        f"{prefix}up_proj.weight": random_weight(width, HIDDEN),
        f"{prefix}down_proj.weight": random_weight(HIDDEN, width),
    }


def random_weight(rows: int, columns: int, scale: float = 0.05) -> torch.Tensor:
    """Return a random BF16 matrix with this standard deviation."""
    return (torch.randn(rows, columns) * scale).to(torch.bfloat16)


def random_norm(width: int) -> torch.Tensor:
    """Return a random BF16 vector around 1."""
    return (1 + torch.randn(width) * 0.1).to(torch.bfloat16)


def write_model(folder: Path, tensors: Tensors, config: dict[str, Any], change: Change | None = None) -> Path:
    """Write weights and configuration to a new folder, and return the folder."""
    if change:
        change(tensors)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps({**_COMMON, **config}, indent=2))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 1}))
    return folder
