"""Starts, stops and restarts the parts of a control plane in a temporary folder; nothing outlives the process."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.cluster.api import Api, wait_until
from tools.cluster.binaries import PLANE, ensure
from tools.cluster.certificates import make_credentials
from tools.cluster.control_plane import ControlPlane
from tools.cluster.packages import install

_PREFIX = "shardwright-plane-"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
# The kernel kills a child when the *thread* that started it ends, so one thread starts them all and never ends early.
_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="plane-spawner")


class Plane:
    """etcd + kube-apiserver (+ kube-controller-manager); a context manager."""

    def __init__(self, controllers: bool = True, controller_flags: tuple[str, ...] = ()) -> None:
        self._with_controllers, self._controller_flags = controllers, [*controller_flags]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        install({"openssl": "openssl"})
        ensure(PLANE)
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        credentials = make_credentials(self.folder / "keys", ["127.0.0.1"])
        api, etcd, peer, controllers = _free_ports(4)
        parts = ControlPlane(self.folder, credentials, "127.0.0.1", api, etcd, peer, controllers, advertise=False)
        self.parts, self.url, self.ca, self.token = parts, parts.url, credentials.ca, credentials.tokens["admin"]
        self.kubeconfig = parts.kubeconfig("admin")
        self.api = Api(self.url, self.ca, self.token)
        self._commands = {"etcd": parts.etcd(), "kube-apiserver": parts.apiserver()}
        if self._with_controllers:
            self._commands["kube-controller-manager"] = parts.controllers(self._controller_flags)
        try:
            for name in self._commands:
                self.start(name)
                if name == "kube-apiserver":
                    self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def add(self, name: str, command: list[str]) -> None:
        """Start one more program, which ends with the plane."""
        self._commands[name] = command
        self.start(name)

    def start(self, name: str) -> None:
        """Start one part again, on the same ports and data."""
        log = open(self.folder / f"{name}.log", "ab")  # noqa: SIM115
        command = self._commands[name]
        self._processes[name] = _SPAWNER.submit(
            subprocess.Popen, command, stdout=log, stderr=log, preexec_fn=_die_with_parent
        ).result()
        log.close()

    def stop(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop one part; by default as a crash would."""
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop a part, start it again and wait until the API answers."""
        self.stop(name, how)
        self.start(name)
        self.wait_ready()

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until the API server is ready, or tell which part died."""
        wait_until(self._reads_storage, "the API server being ready", seconds, self._dead)

    def close(self) -> None:
        """Stop everything and remove the folder."""
        for name in reversed(list(self._processes)):
            self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, name: str) -> str:
        """What one part has written so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _reads_storage(self) -> bool:
        return self.api.ready() and self.api.answers("/api/v1/namespaces/kube-system")

    def _dead(self) -> str:
        for name, process in self._processes.items():
            if process.poll() is None:
                continue
            if name != "kube-controller-manager":
                return f"{name} ended ({self.log(name).strip()[-600:]})"
            # It gives up when the API server leaves it during its own start, as a restarting container would.
            self.start(name)
            break
        return ""


def _sweep() -> None:
    """Remove the folders of processes that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not Path("/proc", folder.name.removeprefix(_PREFIX).split("-")[0]).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
