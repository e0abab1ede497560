"""Identifies a process across containers and nodes, and checks whether it still runs where that can be seen."""

import contextlib
import os
import uuid
from pathlib import Path

from shardwright_worker.contract.bounded_types import Wire


class ProcessIdentity(Wire):
    """One run of one process, unique over all nodes by its token.

    `boot_id` names the kernel since its start, `pid_namespace` the namespace that `pid` counts in, and `start_time` is
    in clock ticks since boot: process ids are reused, together with it they are not.
    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (field 22, starttime)
    """

    token: str = ""
    boot_id: str = ""
    pid_namespace: str = ""
    pid: int = 0
    start_time: str = ""

    @property
    def on_this_kernel(self) -> bool:
        """Whether the process runs, or ran, on this node since its last boot."""
        return bool(self.boot_id) and self.boot_id == _boot_id()

    @property
    def is_visible(self) -> bool:
        """Whether this process can see the other one in /proc if it still runs."""
        return self.on_this_kernel and bool(self.pid_namespace) and self.pid_namespace == _pid_namespace()

    @property
    def is_running(self) -> bool:
        """Whether a visible process still runs; without a recorded start time it counts as ended."""
        return bool(self.start_time) and _start_time(self.pid) == self.start_time


def this_process() -> ProcessIdentity:
    """Return the identity of this process, with a new token."""
    pid = os.getpid()
    return ProcessIdentity(
        token=uuid.uuid4().hex,
        boot_id=_boot_id(),
        pid_namespace=_pid_namespace(),
        pid=pid,
        start_time=_start_time(pid),
    )


def _boot_id() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _pid_namespace() -> str:
    with contextlib.suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def _start_time(pid: int) -> str:
    """Return the start time of a process, or an empty string if it does not run: zombies do not."""
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""
