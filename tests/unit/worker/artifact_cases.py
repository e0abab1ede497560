"""Artifacts with edited manifests, for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shardwright_worker.contract.naming import MANIFEST_NAME

Change = Callable[[dict[str, Any]], object]


def rewrite_manifest(folder: Path, change: Change) -> None:
    wire = json.loads((folder / MANIFEST_NAME).read_text())
    change(wire)
    (folder / MANIFEST_NAME).write_text(json.dumps(wire))
