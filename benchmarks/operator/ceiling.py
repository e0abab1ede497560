"""The bare client as a process beside the plane, so that it costs what it costs and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.operator.life import Life
from tools.control_plane.plane import Plane


@contextmanager
def running_bare(plane: Plane, life: Life) -> Iterator[subprocess.Popen[bytes]]:
    """It writes this life for every resource, from when this yields."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "life.json")
        life.save(kept)
        command = [sys.executable, "-m", "benchmarks.operator.bare", str(plane.kubeconfig), str(kept)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline(), "the bare client ended; why is above"
                yield process
            finally:
                process.kill()
