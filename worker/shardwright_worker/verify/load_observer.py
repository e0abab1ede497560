"""Observes a stock vLLM that loads shards: records the digest of each tensor between loading and post-processing.

Imported in each rank as vLLM's worker extension. The loader is vLLM's own: only how large tensors travel to the device
is ours, and the step after it is wrapped:
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/base_loader.py#L109
"""

from typing import Any

from vllm.model_executor.model_loader import base_loader
from vllm.model_executor.model_loader.sharded_state_loader import ShardedStateLoader

from shardwright_worker.engine.logical_state import global_rank, logical_state
from shardwright_worker.engine.rank_errors import watch_log_of_rank
from shardwright_worker.engine.rank_messages import RankLoaded, plan_from_environment, write_rank_message
from shardwright_worker.engine.staged_copies import StagedCopies
from shardwright_worker.verify.loaded_digests import digests_of_loaded
from shardwright_worker.verify.runtime_digest import RuntimeDigestExtension

_load = ShardedStateLoader.load_weights
_post_process = base_loader.process_weights_after_loading


def _load_weights(*args: Any, **kwargs: Any) -> Any:
    with StagedCopies():
        return _load(*args, **kwargs)


def _observe(model: Any, *args: Any, **kwargs: Any) -> Any:
    loaded = RankLoaded(rank=global_rank(), digests=digests_of_loaded(logical_state(model)))
    write_rank_message(plan_from_environment().messages, loaded)
    return _post_process(model, *args, **kwargs)


base_loader.process_weights_after_loading = _observe
ShardedStateLoader.load_weights = _load_weights
watch_log_of_rank()


class ObserverExtension(RuntimeDigestExtension):
    """vLLM's worker extension: importing its module starts the observation in each rank."""
