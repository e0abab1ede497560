"""Process 1 of the node's namespaces: it reaps orphans, and the kernel kills all processes in them when it exits.

https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

MODULE = "tools.cluster.init_process"


def main() -> None:
    """Mount the node's own /proc and /run, mark itself as ready, and reap orphans without end."""
    state = Path(sys.argv[1]) / ".cluster"
    for command in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "-t", "proc", "proc", "/proc"],
        ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"],
        ["mount", "--make-rshared", "/"],
    ):
        subprocess.run(command, check=True)
    (state / "init.ready").touch()
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(0.5)


if __name__ == "__main__":
    main()
