"""The folders of a sentence-transformers model: what its modules.json names is part of the source, weights included."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import stays_inside
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.regular_file import read_regular
from shardwright_worker.source.read_errors import unreadable

MODULES = "modules.json"
_LARGEST, _MOST = 1024 * 1024, 100
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def module_folders(folder: Path) -> list[str]:
    """The folders that modules.json names; none without such a file. SourceCorrupt for what leaves the model."""
    return [path for path, _kind in _read(folder)]


def folders_named(content: Any) -> list[str]:
    """The folders that the content of a modules.json names."""
    return [path for path, _kind in _modules(content)]


def check_modules(folder: Path, names: Collection[str]) -> None:
    """SourceIncomplete if a file is missing without which vLLM would pool or project differently."""
    for path, kind in _read(folder):
        if kind.endswith(".Pooling") and f"{path}/config.json" not in names:
            raise _missing(f"{path}/config.json", "how tokens are pooled")
        if kind.endswith(".Dense"):
            if f"{path}/config.json" not in names:
                raise _missing(f"{path}/config.json", "what the projection is like")
            if not any(f"{path}/{name}" in names for name in _WEIGHTS):
                raise _missing(f"{path}/{_WEIGHTS[0]}", "the projection's weights")


def _missing(name: str, what: str) -> WorkerFailure:
    return WorkerFailure(Reason.SOURCE_INCOMPLETE, f"{name} is missing: {MODULES} names its folder, and it says {what}")


def _read(folder: Path) -> list[tuple[str, str]]:
    try:
        content = json.loads(read_regular(folder / MODULES, _LARGEST))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(MODULES, folder / MODULES, error) from None
    except (ValueError, RecursionError) as error:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{MODULES} is not a valid JSON file: {error}") from None
    return _modules(content)


def _modules(content: Any) -> list[tuple[str, str]]:
    """Path and kind of each module that has a folder of its own; the model's own folder is the path ''."""
    modules = content.get("modules", []) if isinstance(content, dict) else content
    if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{MODULES} is not a list of modules")
    if len(modules) > _MOST:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{MODULES} names {len(modules)} modules, which no model has")
    found = []
    for each in modules:
        path, kind = each.get("path", ""), each.get("type", "")
        if not isinstance(path, str) or not isinstance(kind, str):
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{MODULES} has a module whose path or type is not a text")
        path = path.rstrip("/")
        if path in ("", "."):
            continue
        if not stays_inside(path):
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{MODULES} names {path!r}, which is outside the folder")
        found.append((path, kind))
    return found
