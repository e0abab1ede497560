"""Whether CUDA was initialized before a process was forked: it fails in the forked process then.

Nothing that vLLM imports should do that, and some releases and plugins do.
"""

import sys
from typing import Any

_used_before_fork = False


def uses_device() -> bool:
    """Return whether this process has initialized CUDA; not True in a process that was forked from such a one."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())


def note_device_use() -> None:
    """Remember it for the processes that are forked from this one."""
    global _used_before_fork
    _used_before_fork = uses_device()


def forked_after_use() -> bool:
    """Return whether this process was forked from one that had initialized CUDA."""
    return _used_before_fork
