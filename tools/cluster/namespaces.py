"""The PID, mount and network namespaces of the node: killing process 1 of them removes all of the node.

https://man7.org/linux/man-pages/man7/namespaces.7.html
"""

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
from tools.cluster.errors import ClusterError
from tools.cluster.init_process import MODULE
from tools.cluster.paths import LOG, ROOT, STATE

_SEARCH_PATH = f"{STATE / 'bin'}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class InitProcess:
    """Process 1 of a node's namespaces, by its ID outside of them, and the checkout that it belongs to."""

    pid: int
    root: Path

    @property
    def alive(self) -> bool:
        """Whether the process runs, and its ID was not reused."""
        return _init_process(self.pid) == self


def init_processes() -> list[InitProcess]:
    """Return the processes of all nodes on this machine, of any checkout."""
    return [
        found for entry in Path("/proc").iterdir() if entry.name.isdigit() and (found := _init_process(int(entry.name)))
    ]


def own_init_process() -> InitProcess | None:
    """Return the process of this checkout's node, None if it does not run."""
    return next((init for init in init_processes() if init.root == ROOT), None)


def open_namespaces() -> InitProcess:
    """Start process 1 of new namespaces in a session of its own, and return it."""
    ready = STATE / "init.ready"
    ready.unlink(missing_ok=True)
    inner = [sys.executable, "-m", MODULE, str(ROOT)]
    with open(LOG / "init.log", "ab") as log:
        outer = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", *inner],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def exited() -> str:
        return "" if outer.poll() is None else f"unshare has exited (see {LOG / 'init.log'})"

    wait_until(ready.exists, "the node's namespaces", 20, exited)
    init = own_init_process()
    if init is None:
        raise ClusterError(f"process 1 of the node's namespaces has exited; see {LOG / 'init.log'}")
    return init


def close_namespaces(init: InitProcess) -> None:
    """Kill process 1; the kernel then removes every process, mount and interface of the node."""
    if not init.alive:
        return
    os.kill(init.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while runs(init.pid):
        if time.monotonic() > deadline:
            raise ClusterError(f"process {init.pid} still runs 30 s after SIGKILL")
        time.sleep(0.05)


def inside(init: InitProcess, command: list[str]) -> list[str]:
    """Return the command line that runs a command within the node's namespaces."""
    target = ["nsenter", f"--target={init.pid}", "--mount", "--net", "--pid", f"--wdns={ROOT}", "--"]
    return [*target, "env", f"PATH={_SEARCH_PATH}", *command]


def run_inside(init: InitProcess, command: list[str], stdin: str | None = None) -> str:
    """Run a command in the node, and return its output.

    Raises:
        ClusterError: it failed.
    """
    done = subprocess.run(inside(init, command), input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(f"{' '.join(command[:4])}: {done.stderr.strip()[-800:]}")
    return done.stdout


def spawn(init: InitProcess, name: str, command: list[str]) -> int:
    """Start a daemon in the node with a log file of its own; return its process ID outside of the namespaces."""
    log = os.open(LOG / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    namespaces = [os.open(f"/proc/{init.pid}/ns/{kind}", os.O_RDONLY) for kind in ("pid", "net", "mnt")]
    reader, writer = os.pipe()
    middle = os.fork()
    if middle == 0:
        # setns changes the PID namespace of children only, hence the second fork.
        # https://man7.org/linux/man-pages/man2/setns.2.html
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            for descriptor in namespaces:
                if libc.setns(descriptor, 0):
                    raise OSError(ctypes.get_errno(), "setns")
            inner = os.fork()
            if inner == 0:
                _exec(command, log)
            os.write(writer, str(inner).encode())
        finally:
            os._exit(0)
    for descriptor in (*namespaces, log, writer):
        os.close(descriptor)
    pid = os.read(reader, 32).decode()
    os.close(reader)
    os.waitpid(middle, 0)
    if not pid:
        raise ClusterError(f"could not enter the node's namespaces to start {name}")
    (STATE / "pids").mkdir(exist_ok=True)
    (STATE / "pids" / name).write_text(pid + "\n")
    return int(pid)


def runs(pid: int) -> bool:
    """Return whether this process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _exec(command: list[str], log: int) -> None:
    os.setsid()
    os.chdir(ROOT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.execve(command[0], command, {"PATH": _SEARCH_PATH, "HOME": str(STATE), "PYTHONUNBUFFERED": "1"})


def _init_process(pid: int) -> InitProcess | None:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    return InitProcess(pid, Path(words[3])) if words[1:3] == ["-m", MODULE] and len(words) > 3 else None
