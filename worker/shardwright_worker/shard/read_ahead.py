"""Reads the source into the page cache while vLLM is imported, as far as memory is free."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

_BLOCK = 8 * 1024**2  # bytes of one read
_READERS = 4  # one reader leaves most disks and networks idle between two reads
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
    files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")])
    blocks = _Blocks(files, int(free_memory() * _SHARE))
    for _ in range(_READERS):
        threading.Thread(target=_read, args=(blocks, stop), name="read-ahead", daemon=True).start()
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


def _read(blocks: "_Blocks", stop: threading.Event) -> None:
    buffer = bytearray(_BLOCK)
    while not stop.is_set() and (block := blocks.next()):
        path, offset = block
        with contextlib.suppress(OSError), path.open("rb", buffering=0) as file:
            os.preadv(file.fileno(), [buffer], offset)


class _Blocks:
    """The blocks of the files, in order, for several threads, as far as `budget` bytes reach."""

    def __init__(self, files: list[Path], budget: int) -> None:
        self._lock = threading.Lock()
        self._blocks = ((path, offset) for path in files for offset in range(0, _size(path), _BLOCK))
        self._left = budget

    def next(self) -> tuple[Path, int] | None:
        """Return the next block: its file and offset; None if there is none."""
        with self._lock:
            self._left -= _BLOCK
            return next(self._blocks, None) if self._left >= 0 else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
