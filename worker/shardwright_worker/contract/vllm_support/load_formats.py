"""vLLM's load formats: which read a source, which read shards, and why the others are refused.

https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/model_executor/model_loader/__init__.py#L33
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/__init__.py#L33
"""

from enum import StrEnum
from typing import NamedTuple

from shardwright_worker.contract.vllm_support.quantization import UNSAVABLE
from shardwright_worker.contract.vllm_support.releases import NONE, SUPPORTED, before, since


class Reads(StrEnum):
    """What a load format reads."""

    SOURCE = "the checkpoint of a model"
    SHARDS = "the shards of each rank"
    NEITHER = "neither"


class LoadFormat(NamedTuple):
    """A load format: what it reads, why a source is not read with it, and the supported releases that have it."""

    reads: Reads
    why: str = ""
    releases: tuple[str, ...] = SUPPORTED


_SHARDED = "the source would be sharded already: serve it as it is"
LOAD_FORMATS: dict[str, LoadFormat] = {
    **dict.fromkeys(
        (
            "auto", "hf", "safetensors", "pt", "npcache", "mistral", "runai_streamer", "fastsafetensors",
            "instanttensor",
        ),
        LoadFormat(Reads.SOURCE),
    ),
    "sharded_state": LoadFormat(Reads.SHARDS, _SHARDED),
    "runai_streamer_sharded": LoadFormat(Reads.SHARDS, _SHARDED),
    "dummy": LoadFormat(Reads.NEITHER, "dummy weights are random; there is nothing to save"),
    "bitsandbytes": LoadFormat(Reads.NEITHER, UNSAVABLE["bitsandbytes"], before("0.28")),
    "gguf": LoadFormat(Reads.NEITHER, UNSAVABLE["gguf"], NONE),
    "tensorizer": LoadFormat(Reads.NEITHER, "it reads weights that were serialized by tensorizer"),
    "modelexpress": LoadFormat(Reads.NEITHER, "it reads weights from another vLLM or from a server"),
    "ipc_cache": LoadFormat(Reads.NEITHER, "it reads weights from the memory of another vLLM", since("0.30")),
}  # fmt: skip

SOURCE_FORMATS = tuple(name for name, one in LOAD_FORMATS.items() if one.reads is Reads.SOURCE)
SHARD_FORMATS = tuple(name for name, one in LOAD_FORMATS.items() if one.reads is Reads.SHARDS)
