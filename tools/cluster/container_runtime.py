"""The container runtime of the node: containerd with its configuration, and the pause image."""

from __future__ import annotations

import io
import os
import signal
import tarfile

from tools.cluster.api import wait_until
from tools.cluster.binaries import binary
from tools.cluster.errors import ClusterError
from tools.cluster.namespaces import InitProcess, run_inside, runs, spawn
from tools.cluster.network import write_pod_network
from tools.cluster.oci import ImageFile, single_layer_archive
from tools.cluster.paths import CONTAINERD, STATE

SOCKET = "/run/containerd/containerd.sock"
PAUSE = "shardwright.local/pause:1"

# restrict_oom_score_adj: without CAP_SYS_RESOURCE no process may lower its score, and no sandbox would start.
# https://github.com/containerd/containerd/blob/v2.3.7/docs/cri/config.md
_CONFIG = """version = 3
root = "{root}"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.nri.v1.nri",
]

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "{cni}"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"
"""


def start_runtime(init: InitProcess) -> None:
    """Start containerd, delete the containers of an earlier node, and import the pause image."""
    CONTAINERD.mkdir(parents=True, exist_ok=True)
    config = STATE / "node" / "containerd.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(_CONFIG.format(root=CONTAINERD, cni=write_pod_network(), pause=PAUSE))
    command = [str(binary("containerd")), f"--config={config}", f"--address={SOCKET}"]
    pid = _start(init, command)
    old = ctr(init, "containers", "list", "--quiet").split()
    if old:
        ctr(init, "containers", "delete", *old)
        # The CRI plugin has loaded them at its start, so containerd has to start again.
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not runs(pid), "containerd exiting", 10)
        _start(init, command)
    if PAUSE not in ctr(init, "images", "list", "--quiet").split():
        archive = STATE / "pause.tar"
        archive.write_bytes(single_layer_archive(PAUSE, _pause_layer(), ["/pause"]))
        ctr(init, "images", "import", str(archive))
        archive.unlink()


def ctr(init: InitProcess, *arguments: str) -> str:
    """Run ctr in the containerd namespace of Kubernetes, and return its output."""
    return run_inside(init, [str(binary("ctr")), f"--address={SOCKET}", "--namespace=k8s.io", *arguments])


def _start(init: InitProcess, command: list[str]) -> int:
    pid = spawn(init, "containerd", command)

    def answers() -> bool:
        try:
            ctr(init, "plugins", "list", "--quiet")
        except ClusterError:
            return False
        return True

    wait_until(answers, "containerd responding", 60, lambda: "" if runs(pid) else "containerd has exited")
    return pid


def _pause_layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        program = ImageFile("pause", binary("pause").read_bytes(), 0o755)
        archive.addfile(program.header(), io.BytesIO(program.content))
    return buffer.getvalue()
