"""Flags of vLLM that `shard` and `prepare` meet on a command line and do not pass on: ignored, or refused and why.

Commands written for vLLM's own script have them:
https://github.com/vllm-project/vllm/blob/v0.32.0/examples/features/sharded_state/save_sharded_state_offline.py
"""

# They change how a model is served, not what its shards hold.
IGNORED = (
    "max-model-len", "gpu-memory-utilization", "max-num-seqs", "max-num-batched-tokens", "kv-cache-dtype", "block-size",
    "seed", "swap-space", "served-model-name", "distributed-executor-backend", "tokenizer", "tokenizer-mode",
)  # fmt: skip
IGNORED_SWITCHES = (
    "enforce-eager", "skip-tokenizer-init", "disable-log-stats", "disable-custom-all-reduce", "enable-prefix-caching",
)  # fmt: skip

_LORA = "LoRA changes the names of the weights: save the base model without it; adapters load onto plain shards"
_DRAFT = "a draft model's weights are not part of the shards: leave it out here, and pass it to the server"
REFUSED = {
    "enable-lora": _LORA,
    "lora-modules": _LORA,
    "speculative-config": _DRAFT,
    "speculative-model": _DRAFT,
    "cpu-offload-gb": "offloading moves weights out of the model before they are saved: leave it out here",
    "enable-eplb": "redundant experts change from run to run, so shards cannot hold them: leave it out here",
}
# Refused unless they are 1, with their short forms.
REFUSED_ABOVE_ONE = {"data-parallel-size": "-dp", "prefill-context-parallel-size": "-pcp"}
ONE_COPY = "files are named by tensor and pipeline rank only, so copies would overwrite each other: leave it at 1"
