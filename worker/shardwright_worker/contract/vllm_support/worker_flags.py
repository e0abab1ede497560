"""What `shard` and `prepare` make of each flag of vLLM: taken, ignored with a note, or refused with a reason.

The flags are those of vLLM's own script, which has every engine argument as a flag:
https://github.com/vllm-project/vllm/blob/v0.32.0/examples/features/sharded_state/save_sharded_state_offline.py
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/engine/arg_utils.py#L934
"""

from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS
from shardwright_worker.contract.vllm_support.other_arguments import RUN_ONLY
from shardwright_worker.contract.vllm_support.refused_arguments import REFUSED_ARGUMENTS, Refusal

# Engine arguments that have a flag of the worker with vLLM's name and meaning.
NAMED = (
    "model", "tensor_parallel_size", "pipeline_parallel_size", "enable_expert_parallel", "dtype", "quantization",
    "trust_remote_code", "hf_overrides",
)  # fmt: skip
TAKEN = frozenset({*NAMED, *EXTRA_ARGUMENTS})
# Flags that vLLM's script has beside those of engine arguments; `shard` has all of them.
OF_THE_SCRIPT = ("output", "file-pattern", "max-file-size")

# Fields of EngineArgs that no flag of vLLM sets.
_WITHOUT_FLAG = frozenset(
    {
        "model_weights", "_api_process_count", "_api_process_rank", "enable_mm_processor_stats", "mamba_config",
        "tokens_only",
    }
)  # fmt: skip
# Flags that older releases had, or that `vllm serve` has beside the engine's; users still write them.
_MORE_IGNORED = frozenset({"swap_space", "enable_log_requests", "disable_log_requests", "device_memory_utilization"})
IGNORED = (RUN_ONLY | _MORE_IGNORED) - _WITHOUT_FLAG
# vLLM's parser has it for every command.
_OF_PARSER = {"config": Refusal("write the flags of the file on the command line")}
REFUSED = {name: one for name, one in REFUSED_ARGUMENTS.items() if name not in _WITHOUT_FLAG} | _OF_PARSER

WHY_IGNORED = "how a model is run, not what its shards hold"
SHORT = {
    "tensor_parallel_size": "-tp",
    "pipeline_parallel_size": "-pp",
    "enable_expert_parallel": "-ep",
    "quantization": "-q",
    "data_parallel_size": "-dp",
    "data_parallel_rank": "-dpn",
    "data_parallel_start_rank": "-dpr",
    "data_parallel_size_local": "-dpl",
    "data_parallel_address": "-dpa",
    "data_parallel_rpc_port": "-dpp",
    "data_parallel_backend": "-dpb",
    "data_parallel_hybrid_lb": "-dph",
    "data_parallel_external_lb": "-dpe",
    "data_parallel_multi_port_external_lb": "-dpm",
    "prefill_context_parallel_size": "-pcp",
    "decode_context_parallel_size": "-dcp",
    "nnodes": "-n",
    "node_rank": "-r",
    "speculative_config": "-sc",
    "diffusion_config": "-dc",
    "compilation_config": "-cc",
    "attention_config": "-ac",
    "optimization_level": "-O",
}


def flag_of(name: str) -> str:
    """Return the flag of an engine argument, with its dashes."""
    return "--" + name.replace("_", "-")


def opposites(name: str) -> list[str]:
    """Return the flags that turn an engine argument off, where it is one that can be turned on.

    --disable-x for --enable-x: https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/utils/argparse_utils.py#L120
    """
    turned = {"enable": "disable", "disable": "enable"}
    prefix, _, rest = name.partition("_")
    other = f"{turned.get(prefix, '')}_{rest}"
    known = prefix not in turned or other in TAKEN | IGNORED or other in REFUSED
    return [flag_of(f"no_{name}"), *([] if known else [flag_of(other)])]
