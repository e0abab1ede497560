"""The weights of a rank as shards hold them, and the rank's number. Imported in ranks alone: it imports vLLM."""

import torch
from vllm.distributed import get_pp_group, get_tensor_model_parallel_rank, get_tensor_model_parallel_world_size
from vllm.model_executor.model_loader.sharded_state_loader import ShardedStateLoader


def logical_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the tensors that vLLM's `sharded_state` expects in the files: its state dict without aliases.

    It must be taken between `load_weights` and `process_weights_after_loading`, as that loader does:
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/sharded_state_loader.py#L217
    """
    state: dict[str, torch.Tensor] = ShardedStateLoader._filter_subtensors(model.state_dict())
    return state


def global_rank() -> int:
    """Return the rank among all ranks: pipeline parallel rank * tensor parallel size + tensor parallel rank."""
    stage, size = get_pp_group().rank_in_group, get_tensor_model_parallel_world_size()
    return int(stage * size + get_tensor_model_parallel_rank())
