"""Builds tiny models with random weights, as a hub would ship them. Needs torch and safetensors, not vLLM."""

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
# Keys and values are 128 wide, which is what scales of blocks of 128 by 128 ask for.
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
    """A dense Llama. `change` may change its weights before they are written, `config` its config.json."""
    tensors = _outside()
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        tensors |= _attention(prefix) | _mlp(prefix + "mlp.", INTERMEDIATE)
    return _write(folder, tensors, {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **config}, change)


def add_tokenizer(folder: Path) -> Path:
    """A tokenizer of whole words, as a hub ships one beside a model."""
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
    """A Llama of sentence-transformers: the mean of its states, projected to 32 numbers by a module of its own."""

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
    save_file({"linear.weight": _weight(32, HIDDEN, 0.1)}, folder / "2_Dense" / "model.safetensors", {"format": "pt"})
    return folder


def tied_llama(folder: Path, head: str) -> Path:
    """A Llama whose config ties the embeddings. `head` in the weights: none, same or other."""

    def change(tensors: Tensors) -> None:
        if head == "none":
            del tensors["lm_head.weight"]
        if head == "same":
            tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()

    return llama(folder, change, tie_word_embeddings=True)


def qwen3_moe(folder: Path, experts: int = 4, change: Change | None = None) -> Path:
    """A Qwen3 with experts in each layer."""
    width = 64
    tensors = _outside()
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        tensors |= _attention(prefix)
        tensors |= {f"{prefix}self_attn.{one}_norm.weight": _norm(HEAD_SIZE) for one in "qk"}
        tensors[f"{prefix}mlp.gate.weight"] = _weight(experts, HIDDEN)
        for expert in range(experts):
            tensors |= _mlp(f"{prefix}mlp.experts.{expert}.", width)
    config = {
        "architectures": ["Qwen3MoeForCausalLM"],
        "model_type": "qwen3_moe",
        "num_experts": experts,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": width,
        "decoder_sparse_step": 1,
        "norm_topk_prob": True,
        "mlp_only_layers": [],
        "attention_bias": False,
    }
    return _write(folder, tensors, config, change)


def deepseek_v2(folder: Path) -> Path:
    """A DeepSeek-V2 with multi-head latent attention; first layer dense, second with experts."""
    rank, rope, nope, value, width, experts = 512, 64, 128, 128, 64, 4
    tensors = _outside()
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        tensors |= _norms(prefix)
        tensors |= {
            f"{prefix}self_attn.q_proj.weight": _weight(HEADS * (nope + rope), HIDDEN),
            f"{prefix}self_attn.kv_a_proj_with_mqa.weight": _weight(rank + rope, HIDDEN),
            f"{prefix}self_attn.kv_a_layernorm.weight": _norm(rank),
            f"{prefix}self_attn.kv_b_proj.weight": _weight(HEADS * (nope + value), rank),
            f"{prefix}self_attn.o_proj.weight": _weight(HIDDEN, HEADS * value),
        }
        if layer == 0:
            tensors |= _mlp(prefix + "mlp.", INTERMEDIATE)
            continue
        tensors[f"{prefix}mlp.gate.weight"] = _weight(experts, HIDDEN)
        tensors |= _mlp(prefix + "mlp.shared_experts.", width)
        for expert in range(experts):
            tensors |= _mlp(f"{prefix}mlp.experts.{expert}.", width)
    config = {
        "architectures": ["DeepseekV2ForCausalLM"],
        "model_type": "deepseek_v2",
        "num_key_value_heads": HEADS,
        "head_dim": rope,
        "q_lora_rank": None,
        "kv_lora_rank": rank,
        "qk_rope_head_dim": rope,
        "qk_nope_head_dim": nope,
        "v_head_dim": value,
        "n_routed_experts": experts,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": width,
        "first_k_dense_replace": 1,
        "moe_layer_freq": 1,
        "n_group": 1,
        "topk_group": 1,
        "topk_method": "greedy",
        "scoring_func": "softmax",
        "norm_topk_prob": False,
        "routed_scaling_factor": 1.0,
    }
    return _write(folder, tensors, config)


def _outside() -> Tensors:
    torch.manual_seed(0)
    return {
        "model.embed_tokens.weight": _weight(VOCABULARY, HIDDEN, 0.5),
        "model.norm.weight": _norm(HIDDEN),
        "lm_head.weight": _weight(VOCABULARY, HIDDEN, 0.5),
    }


def _attention(prefix: str) -> Tensors:
    queries, keys = HEADS * HEAD_SIZE, KEY_VALUE_HEADS * HEAD_SIZE
    return _norms(prefix) | {
        f"{prefix}self_attn.q_proj.weight": _weight(queries, HIDDEN),
        f"{prefix}self_attn.k_proj.weight": _weight(keys, HIDDEN),
        f"{prefix}self_attn.v_proj.weight": _weight(keys, HIDDEN),
        f"{prefix}self_attn.o_proj.weight": _weight(HIDDEN, queries),
    }


def _norms(prefix: str) -> Tensors:
    return {f"{prefix}{one}_layernorm.weight": _norm(HIDDEN) for one in ("input", "post_attention")}


def _mlp(prefix: str, width: int) -> Tensors:
    return {
        f"{prefix}gate_proj.weight": _weight(width, HIDDEN),
        f"{prefix}up_proj.weight": _weight(width, HIDDEN),
        f"{prefix}down_proj.weight": _weight(HIDDEN, width),
    }


def _weight(rows: int, columns: int, scale: float = 0.05) -> torch.Tensor:
    return (torch.randn(rows, columns) * scale).to(torch.bfloat16)


def _norm(width: int) -> torch.Tensor:
    return (1 + torch.randn(width) * 0.1).to(torch.bfloat16)


def _write(folder: Path, tensors: Tensors, config: dict[str, Any], change: Change | None = None) -> Path:
    if change:
        change(tensors)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps({**_COMMON, **config}, indent=2))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 1}))
    return folder
