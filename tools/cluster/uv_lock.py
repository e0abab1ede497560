"""Reads from uv.lock which versions an image installs, so that updates of other packages do not rebuild it."""

from __future__ import annotations

import hashlib
import tomllib
from typing import Any

from tools.cluster.paths import ROOT


def closure(package: str, extra: str = "") -> str:
    """Return a digest of the names and versions of a package (with an extra) and all of its dependencies."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in tomllib.loads((ROOT / "uv.lock").read_text())["package"]:
        found.setdefault(entry["name"], []).append(entry)
    seen: set[str] = set()
    waiting = [(package, (extra,) if extra else ())]
    visited: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        name, extras = step = waiting.pop()
        if step in visited:
            continue
        visited.add(step)
        for entry in found.get(name, []):
            seen.add(f"{name}=={entry.get('version', '')}")
            needs = list(entry.get("dependencies", []))
            for one in extras:
                needs += entry.get("optional-dependencies", {}).get(one, [])
            waiting += [(need["name"], tuple(need.get("extra", ()))) for need in needs]
    return hashlib.sha256("\n".join(sorted(seen)).encode()).hexdigest()
