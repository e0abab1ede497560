"""Saves the kernel settings that a kubelet changes for the whole machine, and restores them afterwards.

https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/kubelet/cm/container_manager_linux.go
"""

from __future__ import annotations

import json
from pathlib import Path

from tools.cluster.paths import CACHE

_SAVED = CACHE / "kernel-settings.json"
_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def save() -> None:
    """Save the present values, unless a cluster that was killed has left those from before it."""
    if _SAVED.exists():
        return
    present = {name: path.read_text().strip() for name in _SETTINGS if (path := Path("/proc/sys") / name).exists()}
    _SAVED.parent.mkdir(parents=True, exist_ok=True)
    _SAVED.write_text(json.dumps(present))


def restore() -> None:
    """Restore the saved values."""
    if not _SAVED.exists():
        return
    for name, value in json.loads(_SAVED.read_text()).items():
        path = Path("/proc/sys") / name
        if path.read_text().strip() != value:
            path.write_text(value)
    _SAVED.unlink()
