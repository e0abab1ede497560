"""Tiny language models with experts."""

from pathlib import Path

from tools.models.language import (
    HEAD_SIZE,
    HEADS,
    HIDDEN,
    INTERMEDIATE,
    LAYERS,
    Change,
    Tensors,
    attention,
    layer_norms,
    mlp,
    outer_tensors,
    random_norm,
    random_weight,
    write_model,
)


def qwen3_moe(folder: Path, experts: int = 4, change: Change | None = None) -> Path:
    """Write a Qwen3 with experts in each layer."""
    width = 64
    tensors = outer_tensors()
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        tensors |= attention(prefix)
        tensors |= {f"{prefix}self_attn.{one}_norm.weight": random_norm(HEAD_SIZE) for one in "qk"}
        tensors[f"{prefix}mlp.gate.weight"] = random_weight(experts, HIDDEN)
        tensors |= _experts(prefix, experts, width)
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
    return write_model(folder, tensors, config, change)


def deepseek_v2(folder: Path) -> Path:
    """Write a DeepSeek-V2 with multi-head latent attention; the first layer is dense, the second has experts."""
    rank, rope, nope, value, width, experts = 512, 64, 128, 128, 64, 4
    tensors = outer_tensors()
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        tensors |= layer_norms(prefix)
        tensors |= {
            f"{prefix}self_attn.q_proj.weight": random_weight(HEADS * (nope + rope), HIDDEN),
            f"{prefix}self_attn.kv_a_proj_with_mqa.weight": random_weight(rank + rope, HIDDEN),
            f"{prefix}self_attn.kv_a_layernorm.weight": random_norm(rank),
            f"{prefix}self_attn.kv_b_proj.weight": random_weight(HEADS * (nope + value), rank),
            f"{prefix}self_attn.o_proj.weight": random_weight(HIDDEN, HEADS * value),
        }
        if layer == 0:
            tensors |= mlp(prefix + "mlp.", INTERMEDIATE)
            continue
        tensors[f"{prefix}mlp.gate.weight"] = random_weight(experts, HIDDEN)
        tensors |= mlp(prefix + "mlp.shared_experts.", width)
        tensors |= _experts(prefix, experts, width)
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
    return write_model(folder, tensors, config)


def _experts(prefix: str, count: int, width: int) -> Tensors:
    return {name: one for expert in range(count) for name, one in mlp(f"{prefix}mlp.experts.{expert}.", width).items()}
