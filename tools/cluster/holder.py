"""Process 1 of the node's own namespaces: it reaps what ends there, and when it dies everything in them dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

MODULE = "tools.cluster.holder"


def main() -> None:
    """Give the node its own /proc and /run, say so, and reap for ever."""
    state = Path(sys.argv[1]) / ".cluster"
    for command in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "-t", "proc", "proc", "/proc"],
        ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"],
        ["mount", "--make-rshared", "/"],
    ):
        subprocess.run(command, check=True)
    (state / "holder.ready").touch()
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(0.5)


if __name__ == "__main__":
    main()
