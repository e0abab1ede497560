"""Process groups of engine processes: their members, the shared memory that they hold, and how to end them."""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

# Segments that killed processes leave behind: Python's for vLLM's message queues, those of vLLM's CPU collectives,
# torch's and NCCL's.
SHARED_MEMORY = ("/dev/shm/psm_", "/dev/shm/vllm_dist_", "/dev/shm/-tp:", "/dev/shm/torch_", "/dev/shm/nccl-")  # noqa: S108
_PR_SET_PDEATHSIG = 1
_GRACE = 30.0  # seconds until a killed process must be gone; freeing much device memory takes a while
# By version of control groups: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
_COUNTERS = (
    ("/sys/fs/cgroup/memory.events", "oom_kill"),
    ("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill"),
)


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent ends, even if the parent is killed."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def end_group(leader: int | None, shared_memory: set[str]) -> None:
    """Kill every process of the group, wait until they are gone, and remove the shared memory that they held."""
    if leader is None:
        return
    names = shared_memory | shared_memory_of(leader)
    with contextlib.suppress(ProcessLookupError):
        os.kill(leader, signal.SIGKILL)  # a process that has not created its group yet
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    limit = time.monotonic() + _GRACE
    while any(_members(leader)) and time.monotonic() < limit:
        time.sleep(0.02)
    for name in names:
        with contextlib.suppress(OSError):
            os.unlink(name)


def shared_memory_of(leader: int | None) -> set[str]:
    """Return the files under /dev/shm that the group's processes have mapped."""
    found: set[str] = set()
    for process in _members(leader) if leader is not None else ():
        with contextlib.suppress(OSError):
            for line in (process / "maps").read_text().splitlines():
                path = line.partition("/")[1] + line.partition("/")[2]
                if path.startswith(SHARED_MEMORY):
                    found.add(path.removesuffix(" (deleted)"))
    return found


def killed_for_memory() -> int:
    """Return how many processes of this control group the kernel has killed for lack of memory; 0 if not known."""
    for path, field in _COUNTERS:
        with contextlib.suppress(OSError, ValueError):
            for line in Path(path).read_text().splitlines():
                name, _, value = line.partition(" ")
                if name == field:
                    return int(value)
    return 0


def _members(leader: int) -> Iterator[Path]:
    """Yield the folders under /proc of the group's processes that run."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state, _, group = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state not in "ZX":
                yield process
