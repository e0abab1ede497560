"""Runs the operator as a process against an API server: starts it, reads its log and metrics, stops or kills it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.cluster.api import wait_until
from tools.cluster.errors import ClusterError


class Operator:
    """One operator process; a context manager. `options` are flags of `python -m shardwright_operator`."""

    def __init__(self, kubeconfig: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        self._kubeconfig, self._options = kubeconfig, options
        self._environment = environment or {}
        self._folder = tempfile.TemporaryDirectory(prefix="shardwright-operator-")
        self.log_file = Path(self._folder.name) / "log"
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        if kind is not None:
            sys.stderr.write(f"--- end of the operator's log\n{self.log()[-8000:]}\n---\n")
        self._folder.cleanup()

    def start(self) -> None:
        """Start the process, without waiting until it is ready."""
        assert self._process is None or self._process.poll() is not None, "the operator is already running"
        command = [sys.executable, "-m", "shardwright_operator", f"--kubeconfig={self._kubeconfig}"]
        command += [f"--metrics-address=127.0.0.1:{self.port}", "--log-format=json", "--engine-image=engine:test"]
        command += ["--prepare-image=prepare:test", *self._options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KUBERNETES_")}
        with open(self.log_file, "ab") as log:
            self._process = subprocess.Popen(
                command, env={**environment, **self._environment}, stdout=log, stderr=log, start_new_session=True
            )

    def wait_ready(self, seconds: float = 120) -> None:
        """Wait until its caches have synced."""
        wait_until(lambda: self.probe("/readyz") == 200, "the operator being ready", seconds, self._dead)

    def probe(self, path: str) -> int:
        """Return the HTTP status of one of its endpoints, 0 without a response."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def metrics(self) -> dict[str, float]:
        """Return its metrics by name and labels, as in the Prometheus text format.

        https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
        """
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def idle_after(self, reconciles: int) -> bool:
        """Return whether it has reconciled at least so often, and its work queue is empty."""
        metrics = self.metrics()
        busy = metrics["shardwright_queue_depth"] + metrics["shardwright_queue_working"]
        return busy == 0 and reconciles_in(metrics) >= reconciles

    def stop(self, seconds: float = 30) -> int:
        """Send SIGTERM, wait until it has exited, and return its exit code."""
        return self._end(signal.SIGTERM, seconds)

    def kill(self) -> None:
        """Send SIGKILL, and wait until it has exited."""
        self._end(signal.SIGKILL, 10)

    def log(self) -> str:
        """Return its log so far, that of all its processes."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def pid(self) -> int:
        """The process ID."""
        assert self._process is not None, "the operator was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.poll() is None

    def _end(self, how: signal.Signals, seconds: float) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise ClusterError(f"the operator did not exit within {seconds:.0f} s of {how.name}") from None

    def _dead(self) -> str:
        if self.running:
            return ""
        return f"the operator has exited\n{self.log()[-4000:]}\n"


def reconciles_in(metrics: Mapping[str, float]) -> float:
    """Return the number of reconciles that these metrics count."""
    return sum(value for name, value in metrics.items() if name.startswith("shardwright_reconcile_seconds_count"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
