"""The quantization that a server finds by itself: the one that the configuration beside the shards names."""

import json
from pathlib import Path

from shardwright_worker.checks.source_quantization import method_of
from shardwright_worker.files.regular_file import read_regular

_LARGEST = 16 * 1024**2


def own_quantization(folder: Path) -> str:
    """Empty if there is none, or no configuration that can be read: the artifact's check tells why."""
    try:
        config = json.loads(read_regular(folder / "config.json", _LARGEST))
    except (OSError, ValueError, RecursionError):
        return ""
    return method_of(config) if isinstance(config, dict) else ""
