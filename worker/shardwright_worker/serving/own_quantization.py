"""Reads the quantization that a server finds by itself: the method in the configuration beside the shards."""

import json
from pathlib import Path

from shardwright_worker.checks.source_quantization import method_of
from shardwright_worker.files.regular_file import read_regular

_LARGEST = 16 * 1024**2


def own_quantization(folder: Path) -> str:
    """Return the method; empty without one, or if the configuration is unreadable, which `check` reports."""
    try:
        config = json.loads(read_regular(folder / "config.json", _LARGEST))
    except (OSError, ValueError, RecursionError):
        return ""
    return method_of(config) if isinstance(config, dict) else ""
