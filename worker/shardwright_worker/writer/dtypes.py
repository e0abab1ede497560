"""Data types of torch by their names in a safetensors header, and how the header describes a tensor.

https://github.com/huggingface/safetensors/blob/v0.8.0/README.md#format
"""

import torch

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.writer.part_plan import TensorPlan

# https://github.com/huggingface/safetensors/blob/v0.8.0/safetensors/src/tensor.rs
_NAMES = {
    "BOOL": "bool", "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "I8": "int8", "I16": "int16",
    "I32": "int32", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "C64": "complex64",
}  # fmt: skip
# torch's type -> the name in a safetensors header; older releases of torch lack some.
DTYPES = {kind: name for name, attribute in _NAMES.items() if (kind := getattr(torch, attribute, None))}


def plan_tensor(name: str, tensor: torch.Tensor) -> TensorPlan:
    """Return what a safetensors header says about the tensor.

    Raises:
        WorkerFailure: UnsupportedModel, if the format has no name for its type.
    """
    if tensor.dtype not in DTYPES:
        message = f"{name} has type {tensor.dtype}, which a safetensors file cannot hold"
        raise WorkerFailure(Reason.UNSUPPORTED_MODEL, message)
    size = int(tensor.numel() * tensor.element_size())
    return TensorPlan(name, DTYPES[tensor.dtype], tuple(tensor.shape), size)
