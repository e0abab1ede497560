"""Starts, stops and restarts the components of a control plane in a temporary folder; they end with this process."""

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
from tools.cluster.control_plane_commands import ControlPlaneCommands
from tools.cluster.packages import install

_PREFIX = "shardwright-plane-"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
# PR_SET_PDEATHSIG takes effect when the *thread* that started the child ends, so one thread starts all of them.
# https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html
_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="plane-spawner")


class ControlPlane:
    """etcd, kube-apiserver and, with `controllers`, kube-controller-manager; a context manager."""

    def __init__(self, controllers: bool = True, controller_flags: tuple[str, ...] = ()) -> None:
        self._with_controllers, self._controller_flags = controllers, [*controller_flags]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._command_lines: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        install({"openssl": "openssl"})
        ensure(PLANE)
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        credentials = make_credentials(self.folder / "keys", ["127.0.0.1"])
        api, etcd, peer, controllers = _free_ports(4)
        self.ca, self.token = credentials.ca, credentials.tokens["admin"]
        self.commands = ControlPlaneCommands(
            self.folder, credentials, "127.0.0.1", api, etcd, peer, controllers, advertise=False
        )
        self.url, self.kubeconfig = self.commands.url, self.commands.kubeconfig("admin")
        self.api = Api(self.url, self.ca, self.token)
        self._command_lines = {"etcd": self.commands.etcd(), "kube-apiserver": self.commands.apiserver()}
        if self._with_controllers:
            self._command_lines["kube-controller-manager"] = self.commands.controllers(self._controller_flags)
        try:
            for name in self._command_lines:
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
        """Start another program, which is stopped with the control plane."""
        self._command_lines[name] = command
        self.start(name)

    def start(self, name: str) -> None:
        """Start one component, with the ports and the data that it had."""
        log = open(self.folder / f"{name}.log", "ab")  # noqa: SIM115
        command = self._command_lines[name]
        self._processes[name] = _SPAWNER.submit(
            subprocess.Popen, command, stdout=log, stderr=log, preexec_fn=_die_with_parent
        ).result()
        log.close()

    def stop(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop one component; by default with SIGKILL, as if it had crashed."""
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
        """Stop a component, start it again and wait until the API server is ready."""
        self.stop(name, how)
        self.start(name)
        self.wait_ready()

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until the API server is ready.

        Raises:
            ClusterError: it is not in time, or a component has exited.
        """
        wait_until(self._reads_storage, "the API server being ready", seconds, self._dead)

    def close(self) -> None:
        """Stop all components and delete the folder."""
        for name in reversed(list(self._processes)):
            self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, name: str) -> str:
        """Return the log of one component."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _reads_storage(self) -> bool:
        return self.api.ready() and self.api.answers("/api/v1/namespaces/kube-system")

    def _dead(self) -> str:
        for name, process in self._processes.items():
            if process.poll() is None:
                continue
            if name != "kube-controller-manager":
                return f"{name} has exited ({self.log(name).strip()[-600:]})"
            # It exits if the API server goes away during its start; a kubelet would restart it too.
            self.start(name)
            break
        return ""


def _sweep() -> None:
    """Delete the folders of processes that were killed."""
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
