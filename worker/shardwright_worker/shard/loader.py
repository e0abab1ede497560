"""Loads like vLLM's default loader and saves the logical state: after `load_weights`, before kernels repack anything.

vLLM's own `save_sharded_state` saves after `process_weights_after_loading`, but `sharded_state` loads before it: what
that step renames, drops or permutes does not survive. Every rank imports this module, as vLLM's worker extension.
"""

import contextlib
import os
from collections.abc import Iterator
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from vllm.distributed import get_pp_group, get_tensor_model_parallel_rank
from vllm.model_executor.model_loader import base_loader, get_model_loader, register_model_loader
from vllm.model_executor.model_loader.base_loader import BaseModelLoader
from vllm.model_executor.model_loader.sharded_state_loader import ShardedStateLoader

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Part
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern
from shardwright_worker.engine.compat import refuse_online_quantization, retie
from shardwright_worker.engine.rank_errors import recording, watch_log
from shardwright_worker.engine.ranks import PLAN, Counter, RankPlan, plan_from_environment, say
from shardwright_worker.shard.completeness import Marking
from shardwright_worker.shard.missing_tensors import find_missing, source_names
from shardwright_worker.writer.tensors import digests_of, runtime_digest
from shardwright_worker.writer.write import write_parts

LOAD_FORMAT = "shardwright"
_NAMED = 12  # missing tensors that a message names


@register_model_loader(LOAD_FORMAT)
class SavingLoader(BaseModelLoader):  # type: ignore[misc]
    """Lets vLLM's loader for the source's format load, and saves. `model_loader_extra_config` may name that format."""

    def __init__(self, load_config: Any) -> None:
        super().__init__(load_config)
        theirs = copy(load_config)
        extra = dict(load_config.model_loader_extra_config or {})
        theirs.load_format = extra.pop("source_load_format", "auto")
        theirs.model_loader_extra_config = extra
        self._loader = get_model_loader(theirs)

    def download_model(self, model_config: Any) -> None:
        """Nothing: the source is a folder."""

    def load_model(self, *args: Any, **kwargs: Any) -> Any:
        """As vLLM does it, on memory that is marked. A failure is left in the rank's file: executors pass on text."""
        with recording(plan_from_environment().scratch), marked_memory():
            return super().load_model(*args, **kwargs)

    def load_weights(self, model: torch.nn.Module, model_config: Any) -> None:
        """Load, prove complete, save; or tell the digests of what would be saved."""
        plan, rank = plan_from_environment(), rank_of()
        refuse_online_quantization(model)
        self._loader.load_weights(model, model_config)
        untied = retie(model, model_config)
        _refuse_incomplete(model, model_config)
        if plan.saves:
            save(plan, rank, model, {"untied": untied})
        else:
            say(plan.scratch, "saved", rank, {"tensors": digests_of(logical_state(model))})


@contextlib.contextmanager
def marked_memory() -> Iterator[None]:
    """Models that are built meanwhile have marks where memory is not filled."""
    build = base_loader.initialize_model

    def build_marked(*args: Any, **kwargs: Any) -> Any:
        with Marking():
            return build(*args, **kwargs)

    base_loader.initialize_model = build_marked
    try:
        yield
    finally:
        base_loader.initialize_model = build


def _refuse_incomplete(model: torch.nn.Module, model_config: Any) -> None:
    quantization = getattr(model_config.hf_config, "quantization_config", None) or {}
    ordered = bool(quantization.get("desc_act")) if isinstance(quantization, dict) else True
    packed = getattr(model, "packed_modules_mapping", None) or {}
    missing = find_missing(logical_state(model), packed, source_names(Path(model_config.model)), ordered)
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        message = f"the source has no weights for {', '.join(missing[:_NAMED])}{more}"
        raise WorkerFailure(Reason.SOURCE_INCOMPLETE, message, rank=rank_of())


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

    state = logical_state(model)
    total = sum(one.numel() * one.element_size() for one in state.values())
    count = Counter(lambda done: say(plan.scratch, "bytes", rank, {"done": min(done, total), "total": total}))
    threads = max(1, len(os.sched_getaffinity(0)) // plan.ranks)
    written = write_parts(plan.staging, state, name_of, plan.max_file_size, count.add, threads=threads)
    count.finish()
    parts = [Part(part=number, **place, **asdict(part)).model_dump() for number, part in enumerate(written)]
    say(plan.scratch, "saved", rank, {"parts": parts, **facts})


def logical_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The tensors that `sharded_state` expects: without aliases, by vLLM's own filter."""
    state: dict[str, torch.Tensor] = ShardedStateLoader._filter_subtensors(model.state_dict())
    return state


if PLAN in os.environ:  # a rank that was spawned; one that was forked has it from the engine's process
    watch_log(plan_from_environment().scratch)


class Extension:
    """vLLM's worker extension: importing it registers the loader in each rank."""

    def shardwright_digest(self) -> tuple[int, str]:
        """Rank and digest of its weights as the engine runs them."""
        return rank_of(), runtime_digest(self.model_runner.get_model())  # type: ignore[attr-defined]
