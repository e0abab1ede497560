"""Removes older artifacts: the newest stay, and whatever is published or in use."""

import shutil
import uuid
from collections.abc import Collection
from pathlib import Path

from shardwright_worker.artifact.find import artifact_keys, file_sizes, read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME, STAGING_FOLDER
from shardwright_worker.prepare.room import make_folders
from shardwright_worker.sizes import human_size

_NAMED = 20


def prune(output: Path, keep: int, protected: Collection[str]) -> dict[str, str]:
    """Remove all but the newest `keep` artifacts and the protected ones; what was done, for the report's upkeep."""
    made = {key: _age(output / key) for key in artifact_keys(output)}
    newest_first = sorted(made, key=lambda key: (made[key], key), reverse=True)
    going = [key for key in newest_first[max(keep, 0) :] if key not in protected]
    freed, removed, failed = 0, [], []
    for key in going:
        size = _size(output / key)
        if _remove(output, key):
            removed.append(key)
            freed += size
        else:
            failed.append(key)
    upkeep = {"kept": str(len(made) - len(removed)), "removed": _names(removed), "freed": human_size(freed)}
    return {**upkeep, "notRemoved": _names(failed)} if failed else upkeep


def _remove(output: Path, key: str) -> bool:
    """The rename takes it out of sight at once; the slow part cannot leave half an artifact under its name."""
    doomed = output / STAGING_FOLDER / f"{key}.removed.{uuid.uuid4().hex[:8]}"
    try:
        make_folders(doomed.parent)
        (output / key).rename(doomed)
        (doomed / MANIFEST_NAME).unlink(missing_ok=True)
    except OSError:
        return False
    shutil.rmtree(doomed, ignore_errors=True)
    return not doomed.exists()


def _age(folder: Path) -> str:
    manifest = _manifest(folder)
    return manifest.created_at if manifest else ""


def _size(folder: Path) -> int:
    manifest = _manifest(folder)
    return sum(file_sizes(manifest).values()) if manifest else 0


def _manifest(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except WorkerFailure:
        return None


def _names(keys: list[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return " ".join(keys[:_NAMED]) + more
