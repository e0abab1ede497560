"""Edited manifests, and the damage that a check of an artifact reports, for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.artifact.check import check_artifact
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.reporting.progress_output import ignore_progress

Change = Callable[[dict[str, Any]], object]


def rewrite_manifest(folder: Path, change: Change) -> None:
    """Change the JSON of a manifest in place."""
    wire = json.loads((folder / MANIFEST_NAME).read_text())
    change(wire)
    (folder / MANIFEST_NAME).write_text(json.dumps(wire))


def damage(folder: Path, deep: bool = False) -> str:
    """Return the message of a check that fails."""
    with pytest.raises(WorkerFailure) as caught:
        check_artifact(folder, deep, ignore_progress)
    assert caught.value.reason == Reason.ARTIFACT_DAMAGED
    return caught.value.message
