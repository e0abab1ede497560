"""Flags of `vllm serve` that decide whether its ranks fit the shards; all others are free.

https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/engine/arg_utils.py#L797
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/engine/arg_utils.py#L934
"""

from enum import StrEnum
from typing import NamedTuple

from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS, Effect, Value


class Takes(StrEnum):
    """What follows a flag."""

    NUMBER = "a whole number"
    TEXT = "text"
    OBJECT = "a JSON object; --flag.key sets one key of it"
    NOTHING = "nothing; --no-flag turns it off"


class ServerFlag(NamedTuple):
    """A flag without its dashes: what it takes, its short form, and whether `None` stands for its absence."""

    takes: Takes
    short: str = ""
    optional: bool = False


_TAKEN = {Value.SWITCH: Takes.NOTHING, Value.OBJECT: Takes.OBJECT}
# Extra arguments of the engine that a server of shards needs, too: flag -> name.
EXTRA_FLAGS = {
    name.replace("_", "-"): name for name, one in EXTRA_ARGUMENTS.items() if one.effect is not Effect.READING
}
SERVER_FLAGS: dict[str, ServerFlag] = {
    "tensor-parallel-size": ServerFlag(Takes.NUMBER, "-tp"),
    "pipeline-parallel-size": ServerFlag(Takes.NUMBER, "-pp"),
    "data-parallel-size": ServerFlag(Takes.NUMBER, "-dp"),
    "prefill-context-parallel-size": ServerFlag(Takes.NUMBER, "-pcp"),
    "decode-context-parallel-size": ServerFlag(Takes.NUMBER, "-dcp"),
    "enable-expert-parallel": ServerFlag(Takes.NOTHING, "-ep"),
    "dtype": ServerFlag(Takes.TEXT),
    "quantization": ServerFlag(Takes.TEXT, "-q", optional=True),
    "quantization-config": ServerFlag(Takes.OBJECT, optional=True),
    "trust-remote-code": ServerFlag(Takes.NOTHING),
    "hf-overrides": ServerFlag(Takes.OBJECT),
    "hf-config-path": ServerFlag(Takes.TEXT, optional=True),
    "model-class-overrides": ServerFlag(Takes.OBJECT),
    "load-format": ServerFlag(Takes.TEXT),
    "model-loader-extra-config": ServerFlag(Takes.OBJECT),
    "kernel-config": ServerFlag(Takes.OBJECT),
    "expert-placement-strategy": ServerFlag(Takes.TEXT),
    "eplb-config": ServerFlag(Takes.OBJECT),
    "mm-encoder-tp-mode": ServerFlag(Takes.TEXT),
    "mm-encoder-only": ServerFlag(Takes.NOTHING),
    "mm-encoder-attn-dtype": ServerFlag(Takes.TEXT, optional=True),
    **{
        flag: ServerFlag(_TAKEN.get(EXTRA_ARGUMENTS[name].value, Takes.TEXT), optional=name == "code_revision")
        for flag, name in EXTRA_FLAGS.items()
    },
}
# Flags of their own that a longer flag above begins with; vLLM takes any other beginning that only one flag has.
WHOLE = ("model", "config", "-dc")
