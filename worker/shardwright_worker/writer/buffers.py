"""Page-aligned buffers, pinned if there is a CUDA device, and the copy of a tensor's bytes into them."""

import contextlib
import ctypes
import mmap
from collections.abc import Iterator
from typing import Any

import torch

BUFFER = 8 * 1024**2  # bytes of one buffer


class Buffer:
    """Memory that the kernel can write from directly and a device can copy into directly."""

    def __init__(self, arena: mmap.mmap, start: int) -> None:
        self.view = memoryview(arena)[start : start + BUFFER]
        self.tensor = torch.frombuffer(arena, dtype=torch.uint8, count=BUFFER, offset=start)


@contextlib.contextmanager
def make_buffers(count: int, device: torch.device) -> Iterator[list[Buffer]]:
    """Allocate `count` buffers for tensors of this device; they are released at the end.

    An anonymous mapping starts on a page, which O_DIRECT needs, and cudaHostRegister pins it, without which a copy from
    the device is not asynchronous:
    https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__MEMORY.html
    """
    arena = mmap.mmap(-1, count * BUFFER)
    with torch.device("cpu"):  # vLLM makes its accelerator torch's default device while it loads
        whole = torch.frombuffer(arena, dtype=torch.uint8)
        buffers = [Buffer(arena, number * BUFFER) for number in range(count)]
    pinned = device.type == "cuda" and not int(
        torch.cuda.cudart().cudaHostRegister(whole.data_ptr(), count * BUFFER, 0)
    )
    try:
        yield buffers
    finally:
        if pinned:
            torch.cuda.cudart().cudaHostUnregister(whole.data_ptr())


class Copier:
    """Copies bytes of tensors into buffers, for one thread; on a stream of its own where the device has streams."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: Any = torch.cuda.Stream(device) if device.type == "cuda" else None

    def bytes_of(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the tensor's bytes in C order: a uint8 tensor of one dimension on its device."""
        with self._on_stream():
            flat: torch.Tensor = tensor.detach().contiguous().view(-1)
            return flat.view(torch.uint8) if flat.numel() else flat

    def copy(self, data: torch.Tensor, start: int, buffer: Buffer, at: int, count: int) -> None:
        """Copy `count` bytes of `data` from `start` to `at` in the buffer; the copy is complete when this returns."""
        if data.device.type == "cpu":
            ctypes.memmove(buffer.tensor.data_ptr() + at, data.data_ptr() + start, count)
            return
        with self._on_stream():
            buffer.tensor[at : at + count].copy_(data[start : start + count], non_blocking=self._stream is not None)
        if self._stream is not None:
            self._stream.synchronize()

    def _on_stream(self) -> Any:
        return torch.cuda.stream(self._stream) if self._stream is not None else contextlib.nullcontext()
