"""vLLM's engine arguments that may decide what ranks hold, and with which no shards are made: why, and what to do.

An argument belongs here until a test has verified shards that were made with it; then it moves to engine_arguments.
"""

from typing import NamedTuple


class Refusal(NamedTuple):
    """Why an argument is refused and what to do; `unless`: values that change nothing, and are accepted."""

    why: str
    unless: tuple[str, ...] = ()


_LORA = Refusal(
    "LoRA changes the names of the weights: save the base model without it; adapters load onto plain shards"
)
_DRAFT = Refusal("a draft model's weights are not part of the shards: leave it out here, and pass it to the server")
_OFFLOAD = "offloading moves weights out of the model before they are saved: leave it out here"
_COPIES = Refusal(
    "files are named by tensor and pipeline rank only, so copies would overwrite each other: leave it at 1", ("1",)
)
_OF_COPIES = Refusal("shards are made from one copy of the model: leave it out here")
_ELASTIC = Refusal("experts would move between ranks while a server runs, so shards cannot hold them: leave it out")
_UNVERIFIED = Refusal("may change what the shards hold in a way that is not verified: leave it out")
_HERE = "all ranks run on this machine: leave it out, and use a machine with as many devices as ranks"

REFUSED_ARGUMENTS: dict[str, Refusal] = {
    # LoRA, drafts and offloading
    **dict.fromkeys(
        (
            "enable_lora", "lora_modules", "max_loras", "max_lora_rank", "max_lora_cls_labels", "default_mm_loras",
            "fully_sharded_loras", "max_cpu_loras", "lora_dtype", "lora_target_modules", "enable_tower_connector_lora",
            "specialize_active_lora", "enable_mixed_moe_lora_format", "enable_moe_shared_loras",
        ),
        _LORA,
    ),
    **dict.fromkeys(
        ("speculative_config", "speculative_model", "spec_method", "spec_model", "spec_tokens"), _DRAFT
    ),
    "cpu_offload_gb": Refusal(_OFFLOAD, ("0", "0.0")),
    **dict.fromkeys(
        (
            "offload_backend", "cpu_offload_params", "offload_group_size", "offload_num_in_group",
            "offload_prefetch_step", "offload_params",
        ),
        Refusal(_OFFLOAD),
    ),
    # copies and placement of experts
    "data_parallel_size": _COPIES,
    "prefill_context_parallel_size": _COPIES,
    "decode_context_parallel_size": Refusal(
        "ranks of a model with MLA would hold other attention weights, and shards are made for 1: leave it out here; "
        "`shardwright-worker check --for-serving` says whether a server may set it",
        ("1",),
    ),
    **dict.fromkeys(
        (
            "data_parallel_rank", "data_parallel_start_rank", "data_parallel_size_local", "data_parallel_address",
            "data_parallel_rpc_port", "data_parallel_hybrid_lb", "data_parallel_external_lb",
            "data_parallel_multi_port_external_lb", "data_parallel_backend",
        ),
        _OF_COPIES,
    ),
    **dict.fromkeys(
        ("enable_eplb", "eplb_config"),
        Refusal("redundant experts change from run to run, so shards cannot hold them: leave it out here"),
    ),
    "expert_placement_strategy": Refusal("shards hold experts in the order of linear: leave it out", ("linear",)),
    **dict.fromkeys(("enable_elastic_ep", "elastic_ep_max_dp_size"), _ELASTIC),
    # device, processes and nodes
    "nnodes": Refusal(_HERE, ("1",)),
    "node_rank": Refusal(_HERE, ("0",)),
    "device_ids": Refusal("set the environment variable CUDA_VISIBLE_DEVICES instead"),
    # another model than the source's files describe
    "revision": Refusal(
        "a folder has no revisions: leave it out; `shardwright-worker prepare --repo ORG/NAME --revision REVISION` "
        "downloads one"
    ),
    "model_weights": Refusal("the weights are those in the source's folder: leave it out"),
    "ignore_patterns": Refusal("every weight file is part of the source: remove files that must not be read"),
    "hf_config_path": Refusal("a server needs the configuration beside the shards: put it into the source's folder"),
    "model_class_overrides": Refusal("shards are made of the class that config.json names: change config.json"),
    "quantization_config": Refusal(
        "weights would be quantized while they are loaded, and shards cannot be: save a quantized checkpoint first"
    ),
    "allow_deprecated_quantization": Refusal("deprecated methods cannot be saved as shards: use another checkpoint"),
    "mm_encoder_only": Refusal("shards hold the language model, too: leave it out"),
    "mm_encoder_tp_mode": Refusal("shards hold the encoder split over ranks: leave it at weights", ("weights",)),
    # https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/model_executor/layers/attention/mm_encoder_attention.py#L435
    "mm_encoder_attn_dtype": Refusal(
        "an encoder with attention in FP8 holds scales that shards lack: leave it out here and on the server", ("None",)
    ),
    # flags of a part each
    "model_loader_extra_config": Refusal("it is set by the worker; name the part files with --file-pattern"),
    "kernel_config": Refusal("set --moe-backend and --linear-backend, and pass the rest to the server"),
    "worker_extension_cls": Refusal("ranks are extended by the worker itself: leave it out here"),
    **dict.fromkeys(
        (
            "additional_config", "worker_cls", "weight_transfer_config", "engram_config", "diffusion_config",
            "monokernel", "enable_hc_sp", "dcp_q_replicate", "enable_batch_sharded_sampling", "calculate_kv_scales",
            "enable_ep_weight_filter", "mm_encoder_fp8_scale_path", "mm_encoder_fp8_scale_save_path",
            "mm_encoder_fp8_scale_save_margin",
        ),
        _UNVERIFIED,
    ),
}  # fmt: skip


def refusal_of(name: str) -> str:
    """Return why an engine argument is refused, also one that no supported release has."""
    return REFUSED_ARGUMENTS.get(name, _UNVERIFIED).why
