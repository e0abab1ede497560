"""Saves the logical state of one rank: names and writes its parts, and shows how many bytes are written."""

import os
from collections.abc import Callable
from dataclasses import asdict

import torch
from vllm.distributed import get_pp_group, get_tensor_model_parallel_rank

from shardwright_worker.contract.manifest import Part
from shardwright_worker.contract.vllm_support.part_names import default_file_pattern
from shardwright_worker.engine.rank_messages import RankPlan, RankProgress, RankSaved, write_rank_message
from shardwright_worker.reporting.rate_limit import RateLimit
from shardwright_worker.writer.write import write_parts

_PERIOD = 0.2  # seconds between two progress messages


def save_rank(plan: RankPlan, rank: int, state: dict[str, torch.Tensor], untied: bool) -> RankSaved:
    """Write the parts of one rank and return what they are. `state`: its tensors by name.

    Names are those that vLLM's loader looks for, in which `rank` is the tensor parallel rank:
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/sharded_state_loader.py#L122-L135

    Raises:
        WorkerFailure: UnsupportedModel, for a tensor of a type that safetensors files cannot hold.
        OSError: of the output volume.
    """
    tp_rank, stage = get_tensor_model_parallel_rank(), get_pp_group()
    pattern = plan.file_pattern or default_file_pattern(stage.world_size)

    def name_of(part: int) -> str:
        return pattern.format(rank=tp_rank, tp_rank=tp_rank, pp_rank=stage.rank_in_group, part=part)

    total = sum(one.numel() * one.element_size() for one in state.values())
    progress = _Progress(lambda done: _show(plan, rank, min(done, total), total))
    threads = max(1, len(os.sched_getaffinity(0)) // plan.ranks)
    written = write_parts(plan.output, state, name_of, plan.max_file_size, progress.add, threads=threads)
    progress.finish()
    place = {"rank": rank, "tp_rank": tp_rank, "pp_rank": stage.rank_in_group}
    parts = [Part(part=number, **place, **asdict(part)) for number, part in enumerate(written)]
    return RankSaved(rank=rank, parts=parts, untied=untied)


def _show(plan: RankPlan, rank: int, done: int, total: int) -> None:
    write_rank_message(plan.messages, RankProgress(rank=rank, bytes_done=done, bytes_total=total))


class _Progress:
    """Adds up bytes, and passes on the sum a few times a second."""

    def __init__(self, show: Callable[[int], None]) -> None:
        self._show, self._done, self._limit = show, 0, RateLimit(_PERIOD)

    def add(self, size: int) -> None:
        """Add that many bytes."""
        self._done += size
        if self._limit.allows():
            self.finish()

    def finish(self) -> None:
        """Pass on the sum."""
        self._show(self._done)
