"""Processor time and memory of processes, from /proc.

https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """Return the user and system time of one process in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resident_bytes(pid: int) -> int:
    """Return the resident memory of one process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class ProcessorTime:
    """Processor seconds of the whole machine, and of this process with its descendants, since their start."""

    machine: float
    ours: float

    def others_since(self, before: ProcessorTime) -> float:
        """Return the processor seconds that other processes used."""
        return (self.machine - before.machine) - (self.ours - before.ours)


def processor_time() -> ProcessorTime:
    """Return the processor time up to now."""
    user, nice, system, _idle, _wait, interrupts, soft, *_ = (
        int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    parents = dict(_parents())
    ours = 0.0
    for pid in parents:
        ancestor = pid
        while ancestor not in (0, os.getpid()):
            ancestor = parents.get(ancestor, 0)
        if ancestor:
            ours += _seconds_or_none(pid)
    return ProcessorTime((user + nice + system + interrupts + soft) / _TICK, ours)


def _parents() -> list[tuple[int, int]]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found.append((int(folder.name), int((folder / "stat").read_text().rpartition(")")[2].split()[1])))
        except OSError:
            continue  # it has exited
    return found


def _seconds_or_none(pid: int) -> float:
    try:
        return processor_seconds(pid)
    except OSError:
        return 0.0
