"""Loads like vLLM's default loader and saves the logical state: after `load_weights`, before kernels repack anything.

vLLM's own `save_sharded_state` saves after `process_weights_after_loading`, but `sharded_state` loads before it: what
that step renames, drops or permutes does not survive. Every rank imports this module, as vLLM's worker extension.
"""

import os
import traceback
from dataclasses import asdict
from typing import Any

import torch
from vllm.distributed import get_pp_group, get_tensor_model_parallel_rank
from vllm.model_executor.model_loader import register_model_loader
from vllm.model_executor.model_loader.default_loader import DefaultModelLoader
from vllm.model_executor.model_loader.sharded_state_loader import ShardedStateLoader

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Part
from shardwright_worker.contract.naming import default_file_pattern
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.shard.completeness import find_missing, mark
from shardwright_worker.shard.rank import Counter, RankPlan, plan_from_environment, say
from shardwright_worker.shard.releases import retie
from shardwright_worker.shard.tensors import runtime_digest
from shardwright_worker.shard.writer.write import write_parts

LOAD_FORMAT = "shardwright"
_NAMED = 12  # missing tensors that a message names


@register_model_loader(LOAD_FORMAT)
class SavingLoader(DefaultModelLoader):  # type: ignore[misc]
    """The default loader that saves what it loaded. `model_loader_extra_config` may name the source's load format."""

    def __init__(self, load_config: Any) -> None:
        extra = dict(load_config.model_loader_extra_config or {})
        load_config.load_format = extra.pop("source_load_format", "auto")
        load_config.model_loader_extra_config = extra
        super().__init__(load_config)

    def load_weights(self, model: torch.nn.Module, model_config: Any) -> None:
        """Load, prove complete, save. A failure is left in the rank's file too, since executors pass on text only."""
        plan, rank = plan_from_environment(), rank_of()
        try:
            say(plan.scratch, "loading", rank, 1)
            marks = mark(model)
            super().load_weights(model, model_config)
            if missing := find_missing(model, marks):
                named = ", ".join(missing[:_NAMED]) + (f" and {len(missing) - _NAMED} more" if missing[_NAMED:] else "")
                raise WorkerFailure(Reason.SOURCE_INCOMPLETE, f"The source has no weights for {named}", rank=rank)
            untied = retie(model, model_config)
            save(plan, rank, model, {"untied": untied})
        except BaseException as error:
            say_failure(plan, rank, error)
            raise


def rank_of() -> int:
    """The rank in the world of all stages: pipeline rank times tensor parallel size plus tensor rank."""
    from vllm.distributed import get_tensor_model_parallel_world_size

    return int(get_pp_group().rank_in_group * get_tensor_model_parallel_world_size() + get_tensor_model_parallel_rank())


def save(plan: RankPlan, rank: int, model: torch.nn.Module, facts: dict[str, Any]) -> None:
    """Write this rank's parts and say what they are."""
    place = {"rank": rank, "tp_rank": get_tensor_model_parallel_rank(), "pp_rank": get_pp_group().rank_in_group}
    pattern = plan.file_pattern or default_file_pattern(get_pp_group().world_size)

    def name_of(part: int) -> str:
        return pattern.format(rank=place["tp_rank"], tp_rank=place["tp_rank"], pp_rank=place["pp_rank"], part=part)

    count = Counter(lambda done: say(plan.scratch, "bytes", rank, done))
    threads = max(1, len(os.sched_getaffinity(0)) // plan.ranks)
    written = write_parts(plan.staging, logical_state(model), name_of, plan.max_file_size, count.add, threads=threads)
    parts = [Part(part=number, **place, **asdict(part)).model_dump() for number, part in enumerate(written)]
    say(plan.scratch, "saved", rank, {"parts": parts, **facts})


def logical_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The tensors that `sharded_state` expects: without aliases, by vLLM's own filter."""
    state: dict[str, torch.Tensor] = ShardedStateLoader._filter_subtensors(model.state_dict())
    return state


def say_failure(plan: RankPlan, rank: int, error: BaseException) -> None:
    """Leave type and message of what went wrong in this rank."""
    reason = error.reason.value if isinstance(error, WorkerFailure) else ""
    value = {
        "type": type(error).__name__,
        "message": str(error),
        "reason": reason,
        "errno": getattr(error, "errno", None),
    }
    say(plan.scratch, "failed", rank, {**value, "traceback": traceback.format_exc()[-4000:]})


class Extension:
    """vLLM's worker extension: importing it registers the loader in each rank."""

    def shardwright_digest(self) -> tuple[int, str]:
        """Rank and digest of its weights as the engine runs them."""
        return rank_of(), runtime_digest(self.model_runner.get_model())  # type: ignore[attr-defined]
