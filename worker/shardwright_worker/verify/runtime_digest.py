"""The digest of a rank's weights as the engine runs them, after vLLM's post-processing. Imported in ranks alone."""

import torch
import xxhash

from shardwright_worker.engine.logical_state import global_rank
from shardwright_worker.verify.loaded_digests import digests_of_loaded


class RuntimeDigestExtension:
    """A worker extension of vLLM: its methods become methods of the worker in each rank, for collective RPC.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/v1/worker/worker_base.py#L296-L322
    """

    def shardwright_runtime_digest(self) -> tuple[int, str]:
        """Return the rank and the digest of its weights."""
        return global_rank(), runtime_digest(self.model_runner.get_model())  # type: ignore[attr-defined]


def runtime_digest(module: torch.nn.Module) -> str:
    """Return XXH3-128, in hex, of name, type, shape and bytes of each of the module's weights, in order of names."""
    weights = _weights(module)
    digests = digests_of_loaded({name: tensor for name, tensor in weights.items() if _has_memory(tensor)})
    whole = xxhash.xxh3_128()
    for name in sorted(weights):
        tensor = weights[name]
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} {digests.get(name, 'released')}\n".encode())
    return str(whole.hexdigest())


def _weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return parameters, persistent buffers and rotary caches; other buffers are scratch memory of unknown content."""
    state = module.state_dict()
    rotary = {name: one for name, one in module.named_buffers() if name.endswith(("cos_sin_cache", "inv_freq"))}
    return {**{name: one.data for name, one in module.named_parameters()}, **rotary, **state}


def _has_memory(tensor: torch.Tensor) -> bool:
    """Return whether there are bytes to read: some CPU kernels keep a packed copy and release the weight."""
    if tensor.device.type == "meta" or not tensor.numel():
        return False
    extent = 1 + sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return bool(tensor.untyped_storage().nbytes() >= (tensor.storage_offset() + extent) * tensor.element_size())
