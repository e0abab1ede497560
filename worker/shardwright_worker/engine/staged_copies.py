"""Copies weights from mapped files to an accelerator with all cores of a rank, through pinned memory.

By itself such a copy is one core's work: it waits for each page that it touches first, copies the page to the driver's
pinned memory, and before that makes a contiguous copy of a slice. docs/benchmarks.md has what that costs.
"""

from types import TracebackType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

BUFFER = 32 * 1024**2  # bytes of pinned memory
_BUFFERS = 2  # one is filled while the other one is sent
_SMALLEST = 128 * 1024  # bytes of a tensor; one core copies a smaller one as fast
_PLAIN = (torch.Tensor, torch.nn.Parameter)


class StagedCopies(TorchFunctionMode):  # type: ignore[misc]
    """Changes how this thread copies large tensors from the CPU to its device, not what it copies, while it is entered.

    At the end the sums of each row, there and here, are compared: what the source's copies bring to the device is not
    compared with anything else.
    https://github.com/pytorch/pytorch/blob/v2.11.0/torch/overrides.py
    """

    def __init__(self, device_type: str = "cuda") -> None:
        super().__init__()
        self._device_type = device_type
        self._buffers: list[_Buffer] = []
        self._sums: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Copy in blocks what is large, and call everything else."""
        if func is torch.Tensor.copy_ and len(args) == 2 and not kwargs and self._is_staged(*args):
            target, source = (one.detach() for one in args)
            self._copy(target, source)
            self._sums.append((_sum_of_rows(target), _sum_of_rows(source)))
            return args[0]
        return func(*args, **(kwargs or {}))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Compare the sums, unless an error ends the block.

        Raises:
            RuntimeError: a copy has other bytes than its source.
        """
        super().__exit__(kind, error, traceback)
        if kind is None and not all(torch.equal(there.cpu(), here) for there, here in self._sums):
            raise RuntimeError("weights on the device have other bytes than the files from which they were copied")

    def _is_staged(self, target: Any, source: Any) -> bool:
        """Return whether this is a large copy of plain tensors, and nothing else: no conversion, no broadcast."""
        return (
            type(source) in _PLAIN
            and source.device.type == "cpu"
            and source.layout is torch.strided
            and not source.is_quantized
            and self._is_own(target.device)
            and target.is_contiguous()
            and (target.dtype, target.shape) == (source.dtype, source.shape)
            and source.nbytes >= _SMALLEST
            and _has_whole_integers(source)
            and _has_whole_integers(target)
        )

    def _is_own(self, device: torch.device) -> bool:
        """Return whether copies to the device are in order with this thread's current stream."""
        if device.type == "cuda" and device.index != torch.cuda.current_device():
            return False
        return bool(device.type == self._device_type)

    def _copy(self, target: torch.Tensor, source: torch.Tensor) -> None:
        """Copy in blocks of whole rows, where a row fits in a buffer."""
        rows = BUFFER // (source.nbytes // len(source))
        if not rows:
            for part, row in zip(target, source, strict=True):
                self._copy(part, row)
            return
        for start in range(0, len(source), rows):
            self._take_buffer().copy(target[start : start + rows], source[start : start + rows])

    def _take_buffer(self) -> "_Buffer":
        """Return the buffer whose bytes were sent first."""
        if len(self._buffers) < _BUFFERS:
            self._buffers.insert(0, _Buffer(torch.cuda.Event() if self._device_type == "cuda" else None))
        self._buffers.append(self._buffers.pop(0))
        return self._buffers[-1]


class _Buffer:
    """Pinned memory, and the event that says when a device has read it; without an event, memory of the CPU."""

    def __init__(self, sent: Any) -> None:
        # On the CPU: vLLM makes its accelerator torch's default device while it loads.
        self._memory = torch.empty(BUFFER, dtype=torch.uint8, device="cpu", pin_memory=sent is not None)
        self._sent = sent

    def copy(self, target: torch.Tensor, source: torch.Tensor) -> None:
        """Fill the buffer with the source's bytes, and start to send them."""
        if self._sent:
            self._sent.synchronize()
        staged = self._memory[: source.nbytes].view(source.dtype).view(source.shape)
        staged.copy_(source)
        target.copy_(staged, non_blocking=True)
        if self._sent:
            self._sent.record()


def _has_whole_integers(tensor: torch.Tensor) -> bool:
    """Return whether the bytes of each row are whole integers of 64 bits, which alone are summed fast."""
    try:
        tensor.view(torch.int64)
    except RuntimeError:
        return False
    return True


def _sum_of_rows(tensor: torch.Tensor) -> torch.Tensor:
    """Return the sum of each row, or of all where there is one dimension, as integers on the tensor's device."""
    rows = tensor.detach().view(torch.int64)
    return rows.sum(dim=tuple(range(1, rows.ndim)) or (0,))
