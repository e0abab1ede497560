"""Copies weights from mapped files to an accelerator with all cores of a rank, through pinned memory.

By itself such a copy is one core's work: it waits for each page that it touches first, copies the page to the driver's
pinned memory, and before that makes a contiguous copy of a slice. docs/benchmarks.md has what that costs.
"""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

BUFFER = 32 * 1024**2  # bytes of pinned memory
_BUFFERS = 2  # one is filled while the other one is sent
_SMALLEST = BUFFER // 8  # bytes of a tensor for which two steps are faster than one


class StagedCopies(TorchFunctionMode):  # type: ignore[misc]
    """Changes how this thread copies large tensors from the CPU to a device, not what it copies, while it is entered.

    https://github.com/pytorch/pytorch/blob/v2.11.0/torch/overrides.py
    """

    def __init__(self, device_type: str = "cuda") -> None:
        super().__init__()
        self._device_type = device_type
        self._buffers: list[_Buffer] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Copy in blocks what is large, and call everything else."""
        if func is torch.Tensor.copy_ and len(args) == 2 and not kwargs and self._is_staged(*args):
            self._copy(*args)
            return args[0]
        return func(*args, **(kwargs or {}))

    def _is_staged(self, target: torch.Tensor, source: torch.Tensor) -> bool:
        """Return whether this is a large copy, and nothing else: no conversion, no broadcast."""
        return (
            source.device.type == "cpu"
            and target.device.type == self._device_type
            and target.is_contiguous()
            and (target.dtype, target.shape) == (source.dtype, source.shape)
            and source.nbytes >= _SMALLEST
        )

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
            self._buffers.insert(0, _Buffer(pinned=self._device_type == "cuda"))
        self._buffers.append(self._buffers.pop(0))
        return self._buffers[-1]


class _Buffer:
    """Pinned memory, and the event that says when a device has read it."""

    def __init__(self, pinned: bool) -> None:
        # On the CPU: vLLM makes its accelerator torch's default device while it loads.
        self._memory = torch.empty(BUFFER, dtype=torch.uint8, device="cpu", pin_memory=pinned)
        self._sent = torch.cuda.Event() if pinned else None

    def copy(self, target: torch.Tensor, source: torch.Tensor) -> None:
        """Fill the buffer with the source's bytes, and start to send them."""
        if self._sent:
            self._sent.synchronize()
        staged = self._memory[: source.nbytes].view(source.dtype).view(source.shape)
        staged.copy_(source)
        target.copy_(staged, non_blocking=True)
        if self._sent:
            self._sent.record()
