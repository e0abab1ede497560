"""A model loader for vLLM that loads like the source's own and saves the logical state, before kernels repack it.

vLLM's own `save_sharded_state` saves after `process_weights_after_loading`, but `sharded_state` loads before it: what
that step renames, drops or permutes does not survive. Every rank imports this module, as vLLM's worker extension.
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/sharded_state_loader.py#L268-L303
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/base_loader.py#L88-L109
"""

import contextlib
import time
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

import torch
from vllm.model_executor.model_loader import base_loader, get_model_loader, register_model_loader
from vllm.model_executor.model_loader.base_loader import BaseModelLoader

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import abbreviate
from shardwright_worker.engine.compat import tie_again
from shardwright_worker.engine.logical_state import global_rank, logical_state
from shardwright_worker.engine.rank_errors import recording, watch_log_of_rank
from shardwright_worker.engine.rank_messages import RankLoaded, RankReading, plan_from_environment, write_rank_message
from shardwright_worker.engine.staged_copies import StagedCopies
from shardwright_worker.shard.engine_refusals import refuse_online_quantization
from shardwright_worker.shard.missing_tensors import find_missing, source_names
from shardwright_worker.shard.save_rank import save_rank
from shardwright_worker.shard.unwritten_memory import Marking
from shardwright_worker.verify.loaded_digests import digests_of_loaded
from shardwright_worker.verify.runtime_digest import RuntimeDigestExtension

LOAD_FORMAT = "shardwright"
_NAMED = 12  # missing tensors that a message names


@register_model_loader(LOAD_FORMAT)
class SavingLoader(BaseModelLoader):  # type: ignore[misc]
    """Loads with vLLM's loader for the source's format, and saves. `model_loader_extra_config` may name the format.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/__init__.py#L69
    """

    def __init__(self, load_config: Any) -> None:
        super().__init__(load_config)
        theirs = copy(load_config)
        extra = dict(load_config.model_loader_extra_config or {})
        theirs.load_format = extra.pop("source_load_format", "auto")
        theirs.model_loader_extra_config = extra
        self._loader = get_model_loader(theirs)

    def download_model(self, model_config: Any) -> None:
        """Do nothing: the source is a folder."""

    def load_model(self, *args: Any, **kwargs: Any) -> Any:
        """Load as vLLM does, on memory that is marked; record a failure, of which executors pass on only the text."""
        with recording(plan_from_environment().messages), marked_memory():
            return super().load_model(*args, **kwargs)

    def load_weights(self, model: torch.nn.Module, model_config: Any) -> None:
        """Load the weights, refuse incomplete ones, and save them or record their digests.

        Raises:
            WorkerFailure: SourceIncomplete, UnsupportedQuantization or UnsupportedModel.
        """
        plan, rank = plan_from_environment(), global_rank()
        refuse_online_quantization(model)
        write_rank_message(plan.messages, RankReading(rank=rank, time=time.monotonic()))
        with StagedCopies():
            self._loader.load_weights(model, model_config)
        untied = tie_again(model, model_config)
        state = logical_state(model)
        _refuse_incomplete(model, state, model_config)
        if plan.saves:
            write_rank_message(plan.messages, save_rank(plan, rank, state, untied))
        else:
            write_rank_message(plan.messages, RankLoaded(rank=rank, digests=digests_of_loaded(state)))


@contextlib.contextmanager
def marked_memory() -> Iterator[None]:
    """Mark the unfilled memory of models that are built inside.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/base_loader.py#L53
    """
    build = base_loader.initialize_model

    def build_marked(*args: Any, **kwargs: Any) -> Any:
        with Marking():
            return build(*args, **kwargs)

    base_loader.initialize_model = build_marked
    try:
        yield
    finally:
        base_loader.initialize_model = build


def _refuse_incomplete(model: torch.nn.Module, state: dict[str, torch.Tensor], model_config: Any) -> None:
    quantization = getattr(model_config.hf_config, "quantization_config", None) or {}
    ordered = bool(quantization.get("desc_act")) if isinstance(quantization, dict) else True
    packed = getattr(model, "packed_modules_mapping", None) or {}
    missing = find_missing(state, packed, source_names(Path(model_config.model)), ordered)
    if missing:
        message = f"the source has no weights for {abbreviate(missing, _NAMED)}"
        raise WorkerFailure(Reason.SOURCE_INCOMPLETE, message, rank=global_rank())


watch_log_of_rank()


class LoaderExtension(RuntimeDigestExtension):
    """vLLM's worker extension: importing its module registers the loader in each rank."""
