"""Reports of a worker for tests."""

from __future__ import annotations

import json
from typing import Any

from shardwright_worker.contract.report import Report, read_report

SOURCE = {"digest": "d" * 64, "revision": "c0ffee", "path": "a/b", "volume": "output", "bytes": 1, "files": 2}


ARTIFACT = {
    "key": "0" * 16,
    "path": "models/llama/" + "0" * 16,
    "manifestDigest": "a" * 64,
    "bytes": 1,
    "files": 2,
    "vllmVersion": "0.32.0",
    "accelerator": "cpu",
    "verifiedBy": "Load",
    "completedAt": "2026-01-02T03:04:05Z",
}


def read(**fields: Any) -> Report | None:
    """Return the report with these fields as its readers see it."""
    return read_report(json.dumps({"stage": "Shard", "succeeded": True, **fields}))
