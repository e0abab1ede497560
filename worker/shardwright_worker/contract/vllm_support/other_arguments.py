"""vLLM's engine arguments that decide nothing about shards: they change how a model is run, not what its ranks hold.

The fields of EngineArgs, all supported releases together; those that might decide something are in refused_arguments. A
field that is new in a release belongs in one of the tables of this package:
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/engine/arg_utils.py#L471
"""

RUN_ONLY_BY_TOPIC: dict[str, tuple[str, ...]] = {
    "device, processes and nodes": (
        "master_addr", "master_port", "cpu_distributed_timeout_seconds", "numa_bind", "numa_bind_nodes",
        "numa_bind_cpus", "distributed_executor_backend", "ray_workers_use_nsight", "_api_process_count",
        "_api_process_rank", "enable_nccl_comm_suspend", "disable_custom_all_reduce",
        "disable_nccl_for_dp_synchronization", "enable_shm_tensor_arena",
    ),
    "how a source is read": (
        "download_dir", "safetensors_prefetch_num_threads", "safetensors_prefetch_block_size", "use_tqdm_on_load",
        "pt_load_map_location", "hf_token",
    ),
    "memory, cache and scheduling": (
        "max_model_len", "gpu_memory_utilization", "max_num_seqs", "max_num_batched_tokens", "kv_cache_dtype",
        "block_size", "seed", "kv_cache_memory_bytes", "num_gpu_blocks_override", "max_num_scheduled_tokens",
        "max_num_partial_prefills", "max_long_partial_prefills", "long_prefill_token_threshold",
        "long_prefill_token_threshold_adaptive", "max_num_active_seqs", "max_num_queued_reqs", "max_num_queued_tokens",
        "enable_prefix_caching", "prefix_caching_hash_algo", "prefix_match_unit", "prefix_cache_retention_interval",
        "enable_chunked_prefill", "disable_chunked_mm_input", "scheduler_reserve_full_isl", "prefill_schedule_interval",
        "watermark", "watermark_config", "watchdog_config", "disable_hybrid_kv_cache_manager", "scheduling_policy",
        "scheduler_cls", "async_scheduling", "stream_interval", "kv_sharing_fast_prefill", "kv_offloading_size",
        "kv_offloading_backend", "kv_transfer_config", "kv_events_config", "kv_cache_dtype_skip_layers",
        "swa_bounded_replay", "ec_transfer_config", "ec_manager_config", "dcp_comm_backend",
        "dcp_kv_cache_interleave_size", "cp_kv_cache_interleave_size", "mamba_config", "mamba_cache_dtype",
        "mamba_ssm_cache_dtype", "mamba_block_size", "mamba_cache_mode", "mamba_backend", "mamba_ssu_algorithm",
        "mamba_cache_philox_rounds", "enable_mamba_cache_stochastic_rounding", "enable_mamba_fine_grained_prefix_cache",
        "enable_mamba_shared_prefix_checkpoint", "replayssm_buffer_len", "use_replayssm", "enable_dbo", "ubatch_size",
        "dbo_decode_token_threshold", "dbo_prefill_token_threshold", "dp_sync_interval",
    ),
    "kernels and compilation": (
        "enforce_eager", "cudagraph_capture_sizes", "max_cudagraph_capture_size", "cudagraph_metrics", "ir_op_priority",
        "compilation_config", "optimization_level", "performance_mode", "attention_config", "attention_backend",
        "all2all_backend", "disable_sliding_window", "disable_cascade_attn", "use_fp64_gumbel",
        "enable_flashinfer_autotune", "jit_monitor_mode", "jit_monitor_verbose", "gdn_prefill_backend",
        "kda_prefill_backend", "kda_decode_backend", "sparse_indexer_topk_backend", "enable_bf16x3_router_gemm",
        "override_attention_dtype",
    ),
    "tokenizer, inputs and outputs": (
        "served_model_name", "tokenizer", "tokenizer_mode", "tokenizer_revision", "skip_tokenizer_init",
        "allowed_local_media_path", "allowed_media_domains", "enable_prompt_embeds", "enable_mm_embeds",
        "interleave_mm_strings", "media_io_kwargs", "mm_processor_kwargs", "mm_processor_cache_gb",
        "mm_processor_cache_type", "mm_processor_device", "mm_device_do_normalize", "mm_hasher_algorithm",
        "mm_shm_cache_max_object_size_mb", "mm_encoder_attn_backend", "mm_tensor_ipc",
        "mm_ipc_gpu_memory_gb", "io_processor_plugin", "renderer_num_workers", "skip_mm_profiling",
        "video_pruning_rate", "video_pruning_method", "max_logprobs", "logprobs_mode", "logits_processors",
        "return_sampling_mask", "tokens_only", "enable_return_routed_experts", "aux_output_config",
        "structured_outputs_config", "reasoning_parser", "reasoning_parser_plugin", "reasoning_config",
        "generation_config", "override_generation_config", "pooler_config",
    ),
    "observation and lifecycle": (
        "disable_log_stats", "aggregate_engine_logging", "logging_config", "log_level", "log_config_file",
        "otlp_traces_endpoint", "collect_detailed_traces", "show_hidden_metrics_for_version", "kv_cache_metrics",
        "kv_cache_metrics_sample", "custom_histogram_buckets", "enable_layerwise_nvtx_tracing", "enable_mfu_metrics",
        "enable_logging_iteration_details", "enable_mm_processor_stats", "per_request_spec_decode_metrics",
        "enable_trace_replay", "profiler_config", "enable_sleep_mode", "sleep_mode_backend",
        "sleep_mode_offload_cudagraph", "sleep_preserve_parameter_names", "enable_cumem_allocator", "shutdown_timeout",
        "fail_on_environ_validation", "enable_fault_tolerance", "fault_tolerance_config",
    ),
}  # fmt: skip

RUN_ONLY = frozenset(name for names in RUN_ONLY_BY_TOPIC.values() for name in names)
