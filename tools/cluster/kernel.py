"""Remembers the kernel settings a kubelet changes for the whole machine, and puts them back afterwards."""

from __future__ import annotations

import json
from pathlib import Path

from tools.cluster.places import CACHE

_SAVED = CACHE / "kernel-settings.json"
_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def remember() -> None:
    """Note the present values, unless a cluster that died has left the ones from before it."""
    if _SAVED.exists():
        return
    present = {name: path.read_text().strip() for name in _SETTINGS if (path := Path("/proc/sys") / name).exists()}
    _SAVED.parent.mkdir(parents=True, exist_ok=True)
    _SAVED.write_text(json.dumps(present))


def restore() -> None:
    """Put back what was noted."""
    if not _SAVED.exists():
        return
    for name, value in json.loads(_SAVED.read_text()).items():
        path = Path("/proc/sys") / name
        if path.read_text().strip() != value:
            path.write_text(value)
    _SAVED.unlink()
