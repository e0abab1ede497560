"""Tensors as safetensors names them, and the digests of their bytes wherever they live."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
import xxhash

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.writer.buffers import BUFFER, Buffer, Copier, make_buffers
from shardwright_worker.writer.part_plan import TensorPlan

_THREADS = 4
_NAMES = {
    "BOOL": "bool", "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "I8": "int8", "I16": "int16",
    "I32": "int32", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "C64": "complex64",
}  # fmt: skip
# torch's type -> the name in a safetensors header; older releases of torch lack some
DTYPES = {kind: name for name, attribute in _NAMES.items() if (kind := getattr(torch, attribute, None))}


def plan_tensor(name: str, tensor: torch.Tensor) -> TensorPlan:
    """What a header says of the tensor. UnsupportedModel if the format has no name for its type."""
    if tensor.dtype not in DTYPES:
        raise WorkerFailure(
            Reason.UNSUPPORTED_MODEL, f"{name} has type {tensor.dtype}, which a safetensors file cannot hold"
        )
    size = int(tensor.numel() * tensor.element_size())
    return TensorPlan(name, DTYPES[tensor.dtype], tuple(tensor.shape), size)


def digests_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """XXH3-128 of each tensor's bytes, in hex."""
    device = next((one.device for one in tensors.values() if one.device.type != "cpu"), torch.device("cpu"))
    if device.type != "cpu":
        torch.accelerator.synchronize()
    with make_buffers(_THREADS, device) as buffers, ThreadPoolExecutor(_THREADS) as pool:
        shares = [list(tensors)[number::_THREADS] for number in range(_THREADS)]
        jobs = [pool.submit(_digests, share, tensors, buffers[number]) for number, share in enumerate(shares)]
        return {name: digest for job in jobs for name, digest in job.result().items()}


def _digests(names: list[str], tensors: Mapping[str, torch.Tensor], buffer: Buffer) -> dict[str, str]:
    copiers: dict[torch.device, Copier] = {}
    found = {}
    for name in names:
        tensor = tensors[name]
        copier = copiers.setdefault(tensor.device, Copier(tensor.device))
        data = copier.bytes_of(tensor)
        digest = xxhash.xxh3_128()
        for start in range(0, data.numel(), BUFFER):
            count = min(BUFFER, data.numel() - start)
            copier.copy(data, start, buffer, 0, count)
            digest.update(buffer.view[:count])
        found[name] = str(digest.hexdigest())
    return found


def runtime_digest(module: torch.nn.Module) -> str:
    """XXH3-128 over name, type, shape and bytes of the module's weights as the engine runs them."""
    weights = _weights(module)
    digests = digests_of({name: tensor for name, tensor in weights.items() if _has_memory(tensor)})
    whole = xxhash.xxh3_128()
    for name in sorted(weights):
        tensor = weights[name]
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} {digests.get(name, 'released')}\n".encode())
    return str(whole.hexdigest())


def _weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters, kept buffers and rotary caches; other buffers are scratch memory of unknown content."""
    state = module.state_dict()
    rotary = {name: one for name, one in module.named_buffers() if name.endswith(("cos_sin_cache", "inv_freq"))}
    return {**{name: one.data for name, one in module.named_parameters()}, **rotary, **state}


def _has_memory(tensor: torch.Tensor) -> bool:
    """Whether there is something to read: some CPU kernels keep a packed copy and release the weight."""
    if tensor.device.type == "meta" or not tensor.numel():
        return False
    extent = 1 + sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return bool(tensor.untyped_storage().nbytes() >= (tensor.storage_offset() + extent) * tensor.element_size())
