"""Reads uv.lock just far enough to tell which versions an image gets, so that unrelated updates rebuild nothing."""

from __future__ import annotations

import hashlib
import tomllib
from typing import Any

from tools.cluster.places import ROOT


def closure(package: str, extra: str = "") -> str:
    """A digest of the names and versions that installing this package (with this extra) brings in."""
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
