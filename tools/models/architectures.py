"""Tiny models of many architectures, by the classes of transformers, which name the tensors as the Hub's models do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

VOCABULARY = 256
# Each rank of tp=4 has a head, and heads have a size that vLLM's attention kernels support on CPUs and GPUs.
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 256,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
    "tie_word_embeddings": False,
}


def build(
    folder: Path,
    architecture: str,
    dtype: torch.dtype = torch.bfloat16,
    max_shard_size: str = "5GB",
    **config: Any,
) -> Path:
    """Write a model of a class of transformers with random weights; `config` replaces or adds keys of `SIZES`.

    Every weight is random, the biases and norms too, so that one that is lost or swapped changes the answers.
    """
    import transformers

    model_class = getattr(transformers, architecture)
    torch.manual_seed(0)
    model = model_class(model_class.config_class(**{**SIZES, **config})).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.randn_like(parameter) * (0.1 if parameter.ndim == 1 else 0.05)
    model.save_pretrained(folder, max_shard_size=max_shard_size)
    return folder


# Kind -> the class of transformers and what its configuration has beside SIZES.
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2}
_LOCAL_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_SMALL_EXPERTS = {**_EXPERTS, "moe_intermediate_size": 64}
_MLA = {
    "num_key_value_heads": 4,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
    "head_dim": 64,
    "moe_intermediate_size": 64,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
    "num_experts_per_tok": 2,
}
ARCHITECTURES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "Qwen2": ("Qwen2ForCausalLM", {}),
    "Qwen3": ("Qwen3ForCausalLM", {"head_dim": 64}),
    "Gemma 2": ("Gemma2ForCausalLM", {"tie_word_embeddings": True, "query_pre_attn_scalar": 64, "head_dim": 64}),
    "Gemma 3": ("Gemma3ForCausalLM", {"tie_word_embeddings": True, "query_pre_attn_scalar": 64, "head_dim": 64}),
    "Phi-3": ("Phi3ForCausalLM", {}),
    "OPT": ("OPTForCausalLM", {"ffn_dim": 256, "word_embed_proj_dim": 256}),
    "GPT-2": ("GPT2LMHeadModel", {"n_embd": 256, "n_head": 4, "n_layer": 2, "n_positions": 512}),
    "GPT-NeoX": ("GPTNeoXForCausalLM", {}),
    "Bloom": ("BloomForCausalLM", {"n_layer": 2, "n_head": 4, "tie_word_embeddings": True}),
    "Falcon": ("FalconForCausalLM", {"multi_query": True, "num_kv_heads": 1}),
    "StarCoder2": ("Starcoder2ForCausalLM", {}),
    "Qwen3-MoE": ("Qwen3MoeForCausalLM", {**_SMALL_EXPERTS, "head_dim": 64}),
    "Mixtral": ("MixtralForCausalLM", _LOCAL_EXPERTS),
    "OLMoE": ("OlmoeForCausalLM", {**_EXPERTS, "num_key_value_heads": 4, "intermediate_size": 64}),
    "Granite-MoE": ("GraniteMoeForCausalLM", {**_LOCAL_EXPERTS, "intermediate_size": 64}),
    "gpt-oss, bf16": (
        "GptOssForCausalLM",
        {**_LOCAL_EXPERTS, "intermediate_size": 128, "head_dim": 64, "num_key_value_heads": 4},
    ),
    "DeepSeek-V3": (
        "DeepseekV3ForCausalLM",
        {
            **_MLA,
            "n_routed_experts": 4,
            "q_lora_rank": 64,
            "n_group": 2,
            "topk_group": 1,
            "topk_method": "noaux_tc",
            "scoring_func": "sigmoid",
        },
    ),
    "Llama 4 text": (
        "Llama4ForCausalLM",
        {
            "num_local_experts": 4,
            "num_experts_per_tok": 1,
            "intermediate_size": 64,
            "intermediate_size_mlp": 128,
            "interleave_moe_layer_step": 2,
            "head_dim": 64,
        },
    ),
    "Mamba": ("MambaForCausalLM", {"state_size": 16, "intermediate_size": 512}),
    "Mamba 2": (
        "Mamba2ForCausalLM",
        {"num_heads": 8, "head_dim": 64, "state_size": 16, "n_groups": 4, "expand": 2, "intermediate_size": 512},
    ),
    "Jamba": (
        "JambaForCausalLM",
        {
            **_EXPERTS,
            "num_hidden_layers": 4,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "expert_layer_period": 2,
            "expert_layer_offset": 1,
            "use_mamba_kernels": False,
        },
    ),
    "Granite hybrid": (
        "GraniteMoeHybridForCausalLM",
        {
            **_LOCAL_EXPERTS,
            "intermediate_size": 64,
            "shared_intermediate_size": 64,
            "layer_types": ["mamba", "attention"],
            "mamba_n_heads": 8,
            "mamba_d_head": 64,
            "mamba_d_state": 16,
            "mamba_n_groups": 1,
            "position_embedding_type": "nope",
        },
    ),
    "LFM2": (
        "Lfm2ForCausalLM",
        {
            "layer_types": ["conv", "full_attention"],
            "conv_dim": 256,
            "block_dim": 256,
            "conv_dim_out": 256,
            "conv_use_xavier_init": True,
        },
    ),
    "Qwen3-Next": (
        "Qwen3NextForCausalLM",
        {
            **_SMALL_EXPERTS,
            "shared_expert_intermediate_size": 64,
            "layer_types": ["linear_attention", "full_attention"],
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "linear_key_head_dim": 64,
            "linear_value_head_dim": 64,
            "head_dim": 64,
        },
    ),
}
