"""Page-aligned buffers, pinned if there is a CUDA device, and the copy of a tensor's bytes into them."""

import contextlib
import ctypes
import mmap
from collections.abc import Iterator
from typing import Any

import torch

BUFFER = 8 * 1024**2  # bytes of one buffer
STEP = 512 * 1024  # bytes that are copied and hashed at a time, so that all of it finds them in a core's cache


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
    """Copies bytes of tensors into buffers, for one thread; on a stream of its own where the device has streams.

    `step`: bytes to copy at a time; each copy from a device costs a synchronization, so there it is a whole buffer.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.step = STEP if device.type == "cpu" else BUFFER
        self._stream: Any = torch.cuda.Stream(device) if device.type == "cuda" else None

    def blocks_of(self, tensor: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the tensor's bytes in C order, in uint8 tensors of one dimension on its device.

        One that is not contiguous is made so in blocks of its rows, each at most as large as a buffer.
        """
        for rows in _rows_of(tensor.detach()):
            with self._on_stream():
                # Cloned first, which keeps the order of strides: torch transposes a dense matrix several times as fast.
                block = rows if rows.is_contiguous() else rows.clone().contiguous()
            yield block.view(-1).view(torch.uint8)

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


def _rows_of(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield views that follow each other in C order; one that is not contiguous has at most a buffer's bytes."""
    if not tensor.numel():
        return
    if tensor.is_contiguous() or tensor.nbytes <= BUFFER:
        yield tensor
        return
    count = BUFFER // (tensor.nbytes // len(tensor))
    for start in range(0, len(tensor), max(count, 1)):
        yield from _rows_of(tensor[start : start + count] if count else tensor[start])
