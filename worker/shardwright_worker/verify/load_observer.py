"""Looks on while a stock vLLM loads shards: notes the digest of every tensor between loading and post-processing.

Imported in each rank as vLLM's worker extension. The loader itself stays stock: only the step after it is wrapped.
"""

from typing import Any

from vllm.model_executor.model_loader import base_loader

from shardwright_worker.engine.ranks import plan_from_environment, say
from shardwright_worker.shard.loader import logical_state, rank_of  # watches the rank's log, too
from shardwright_worker.writer.tensors import digests_of, runtime_digest

_post_process = base_loader.process_weights_after_loading


def _observe(model: Any, *args: Any, **kwargs: Any) -> Any:
    say(plan_from_environment().scratch, "tensors", rank_of(), digests_of(logical_state(model)))
    return _post_process(model, *args, **kwargs)


base_loader.process_weights_after_loading = _observe


class Extension:
    """vLLM's worker extension: importing it starts the observation in each rank."""

    def shardwright_digest(self) -> tuple[int, str]:
        """Rank and digest of its weights as the engine runs them."""
        return rank_of(), runtime_digest(self.model_runner.get_model())  # type: ignore[attr-defined]
