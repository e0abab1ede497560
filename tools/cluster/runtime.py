"""The container runtime of the node: its configuration, its start, and the pause image."""

from __future__ import annotations

import io
import os
import signal
import tarfile

from tools.cluster.api import wait_until
from tools.cluster.binaries import binary
from tools.cluster.namespaces import Holder, run_inside, runs, spawn
from tools.cluster.network import write_pod_network
from tools.cluster.oci import ImageFile, single_layer_archive
from tools.cluster.places import CONTAINERD, STATE
from tools.cluster.report import ClusterError

SOCKET = "/run/containerd/containerd.sock"
PAUSE = "shardwright.local/pause:1"

# restrict_oom_score_adj: a machine without CAP_SYS_RESOURCE cannot lower the score, and every sandbox would die.
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


def start_runtime(holder: Holder) -> None:
    """Start containerd, drop the containers of an earlier node, and have the pause image ready."""
    CONTAINERD.mkdir(parents=True, exist_ok=True)
    config = STATE / "node" / "containerd.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(_CONFIG.format(root=CONTAINERD, cni=write_pod_network(), pause=PAUSE))
    command = [str(binary("containerd")), f"--config={config}", f"--address={SOCKET}"]
    pid = _start(holder, command)
    old = ctr(holder, "containers", "list", "--quiet").split()
    if old:
        ctr(holder, "containers", "delete", *old)
        # Its CRI part has read them already, so it must start once more.
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not runs(pid), "containerd ending", 10)
        _start(holder, command)
    if PAUSE not in ctr(holder, "images", "list", "--quiet").split():
        archive = STATE / "pause.tar"
        archive.write_bytes(single_layer_archive(PAUSE, _pause_layer(), ["/pause"]))
        ctr(holder, "images", "import", str(archive))
        archive.unlink()


def ctr(holder: Holder, *arguments: str) -> str:
    """Ask containerd about what Kubernetes sees of it."""
    return run_inside(holder, [str(binary("ctr")), f"--address={SOCKET}", "--namespace=k8s.io", *arguments])


def _start(holder: Holder, command: list[str]) -> int:
    pid = spawn(holder, "containerd", command)

    def answers() -> bool:
        try:
            ctr(holder, "plugins", "list", "--quiet")
        except ClusterError:
            return False
        return True

    wait_until(answers, "containerd answering", 60, lambda: "" if runs(pid) else "containerd ended")
    return pid


def _pause_layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        program = ImageFile("pause", binary("pause").read_bytes(), 0o755)
        archive.addfile(program.header(), io.BytesIO(program.content))
    return buffer.getvalue()
