"""Reads the source into the page cache while vLLM is imported, as far as memory is free."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

_BLOCK = 8 * 1024**2  # bytes of one read
_SHARE = 0.5  # of the free memory: the model itself needs some too
# Limit and usage of this control group, by its version:
# https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


@contextlib.contextmanager
def reading_ahead(folder: Path) -> Iterator[None]:
    """Read the folder's weights in the background, in the order that vLLM does, until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=_read, args=(folder, stop), name="read-ahead", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()


def free_memory() -> int:
    """Return how many bytes the machine and the control group have free."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
    for limit, used in _GROUPS:
        with contextlib.suppress(OSError, ValueError):  # no such version, or "max"
            free.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(0, min(free, default=0))


def _read(folder: Path, stop: threading.Event) -> None:
    budget = int(free_memory() * _SHARE)
    buffer = bytearray(_BLOCK)
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")]):
        with contextlib.suppress(OSError), path.open("rb", buffering=0) as file:
            while not stop.is_set() and budget > 0 and (read := file.readinto(buffer)):
                budget -= read
