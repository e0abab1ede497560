"""The bytes of a tensor, piece by piece, wherever it lives; and their digest."""

from collections.abc import Iterator
from typing import Any

import torch
import xxhash

CHUNK = 16 * 1024**2  # bytes a piece

# torch's name -> the name in a safetensors header
DTYPES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.int16: "I16",
    torch.int32: "I32",
    torch.int64: "I64",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
}
DTYPES |= {kind: name for name in ("U16", "U32", "U64") if (kind := getattr(torch, name.replace("U", "uint"), None))}
if float8_e8m0 := getattr(torch, "float8_e8m0fnu", None):
    DTYPES[float8_e8m0] = "F8_E8M0"


def size_of(tensor: torch.Tensor) -> int:
    """Bytes of the tensor."""
    return int(tensor.numel() * tensor.element_size())


def pieces_of(tensor: torch.Tensor, chunk: int = CHUNK) -> Iterator[memoryview]:
    """The tensor's bytes in C order, at most `chunk` at a time. A piece is valid until the next one is asked for."""
    flat = tensor.detach().contiguous().view(-1)
    if not flat.numel():
        return
    data: torch.Tensor = flat.view(torch.uint8)
    staging: Any = None
    if data.device.type != "cpu":
        staging = torch.empty(min(chunk, data.numel()), dtype=torch.uint8, pin_memory=data.device.type == "cuda")
    for start in range(0, data.numel(), chunk):
        piece = data[start : start + chunk]
        if staging is not None:
            piece = staging[: piece.numel()].copy_(piece)
        yield memoryview(piece.numpy())


def digest_of(tensor: torch.Tensor) -> str:
    """XXH3-128 of the tensor's bytes, in hex."""
    digest = xxhash.xxh3_128()
    for piece in pieces_of(tensor):
        digest.update(piece)
    return str(digest.hexdigest())


def digest_of_module(module: torch.nn.Module) -> str:
    """XXH3-128 over name, type, shape and bytes of every parameter and buffer, as the engine runs them."""
    digest = xxhash.xxh3_128()
    named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name in sorted(named):
        tensor = named[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(digest_of(tensor.data).encode())
    return str(digest.hexdigest())
