"""Runs the baseline client as a process, so that its processor time is measured as that of the operator."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.operator.recorded_writes import RecordedWrites
from tools.control_plane.control_plane import ControlPlane


@contextmanager
def running_baseline(plane: ControlPlane, writes: RecordedWrites) -> Iterator[subprocess.Popen[bytes]]:
    """Run the baseline client until the end of the block, and yield its process once it is ready."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "writes.json")
        writes.save(file)
        command = [sys.executable, "-m", "benchmarks.operator.baseline_client", str(plane.kubeconfig), str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline(), "the baseline client exited; its error is on stderr"
                yield process
            finally:
                process.kill()
