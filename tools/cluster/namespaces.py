"""The namespaces the whole node lives in (processes, mounts, network), so that ending one process removes all of it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tools.cluster.api import wait_until
from tools.cluster.holder import MODULE
from tools.cluster.places import LOG, ROOT, STATE
from tools.cluster.report import ClusterError

_SEARCH_PATH = f"{STATE / 'bin'}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Holder:
    """Process 1 of a node's namespaces, as seen from outside, and the checkout it belongs to."""

    pid: int
    root: Path

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return _holder(self.pid) == self


def holders() -> list[Holder]:
    """The nodes on this machine, whichever checkout they belong to."""
    return [found for entry in Path("/proc").iterdir() if entry.name.isdigit() and (found := _holder(int(entry.name)))]


def own_holder() -> Holder | None:
    """This checkout's node, if it runs."""
    return next((holder for holder in holders() if holder.root == ROOT), None)


def open_namespaces() -> Holder:
    """Start process 1 of new namespaces, in a session of its own."""
    ready = STATE / "holder.ready"
    ready.unlink(missing_ok=True)
    inner = [sys.executable, "-m", MODULE, str(ROOT)]
    with open(LOG / "holder.log", "ab") as log:
        outer = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", *inner],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def ended() -> str:
        return "" if outer.poll() is None else f"unshare ended (see {LOG / 'holder.log'})"

    wait_until(ready.exists, "the node's namespaces", 20, ended)
    holder = own_holder()
    if holder is None:
        raise ClusterError(f"process 1 of the node's namespaces is gone; see {LOG / 'holder.log'}")
    return holder


def close_namespaces(holder: Holder) -> None:
    """End process 1; the kernel then ends every process, mount and interface of the node."""
    if not holder.alive:
        return
    os.kill(holder.pid, signal.SIGKILL)
    give_up = time.monotonic() + 30
    while runs(holder.pid):
        if time.monotonic() > give_up:
            raise ClusterError(f"process {holder.pid} does not end")
        time.sleep(0.05)


def inside(holder: Holder, command: list[str]) -> list[str]:
    """The same command, run within the node's namespaces."""
    target = ["nsenter", f"--target={holder.pid}", "--mount", "--net", "--pid", f"--wdns={ROOT}", "--"]
    return [*target, "env", f"PATH={_SEARCH_PATH}", *command]


def run_inside(holder: Holder, command: list[str], stdin: str | None = None) -> str:
    """Run a short command in the node and give what it printed."""
    done = subprocess.run(inside(holder, command), input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(f"{' '.join(command[:4])}: {done.stderr.strip()[-800:]}")
    return done.stdout


def spawn(holder: Holder, name: str, command: list[str]) -> int:
    """Start a long-running part in the node, logging to its own file; gives its process id outside."""
    log = os.open(LOG / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    namespaces = [os.open(f"/proc/{holder.pid}/ns/{kind}", os.O_RDONLY) for kind in ("pid", "net", "mnt")]
    reader, writer = os.pipe()
    middle = os.fork()
    if middle == 0:
        # Only processes forked after setns are inside the new process namespace, hence the second fork.
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            for descriptor in namespaces:
                if libc.setns(descriptor, 0):
                    raise OSError(ctypes.get_errno(), "setns")
            inner = os.fork()
            if inner == 0:
                _become(command, log)
            os.write(writer, str(inner).encode())
        finally:
            os._exit(0)
    for descriptor in (*namespaces, log, writer):
        os.close(descriptor)
    told = os.read(reader, 32).decode()
    os.close(reader)
    os.waitpid(middle, 0)
    if not told:
        raise ClusterError(f"could not enter the node's namespaces to start {name}")
    (STATE / "pids").mkdir(exist_ok=True)
    (STATE / "pids" / name).write_text(told + "\n")
    return int(told)


def runs(pid: int) -> bool:
    """Whether this process exists and is not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _become(command: list[str], log: int) -> None:
    os.setsid()
    os.chdir(ROOT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.execve(command[0], command, {"PATH": _SEARCH_PATH, "HOME": str(STATE), "PYTHONUNBUFFERED": "1"})


def _holder(pid: int) -> Holder | None:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    return Holder(pid, Path(words[3])) if words[1:3] == ["-m", MODULE] and len(words) > 3 else None
