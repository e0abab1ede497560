"""Times the load of the weights in each rank of a stock vLLM. Imported there as vLLM's worker extension.

Loader and worker stay stock. The wrapper that vLLM holds each worker in gets the one method of it that is timed; it
passes every other call on:
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/worker/worker_base.py#L352
"""

import time
from typing import Any

import torch
from vllm.v1.worker.worker_base import WorkerWrapperBase

from shardwright_worker.engine.logical_state import global_rank
from shardwright_worker.engine.rank_errors import watch_log_of_rank
from shardwright_worker.engine.rank_messages import RankTimed, plan_from_environment, write_rank_message
from shardwright_worker.measure.storage_reads import bytes_read_from_storage


def _load_model(wrapper: Any, *args: Any, **kwargs: Any) -> Any:
    before, began = bytes_read_from_storage(), time.monotonic()
    loaded = wrapper.worker.load_model(*args, **kwargs)
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()  # copies to the device may still be on their way
    seconds, after = time.monotonic() - began, bytes_read_from_storage()
    read = None if before is None or after is None else after - before
    timed = RankTimed(rank=global_rank(), seconds=seconds, bytes_read=read)
    write_rank_message(plan_from_environment().messages, timed)
    return loaded


WorkerWrapperBase.load_model = _load_model
watch_log_of_rank()


class TimerExtension:
    """vLLM's worker extension: importing its module times the load in each rank."""
