"""Removes older artifacts: the newest stay, and whatever is published, in use, or somebody else's."""

import contextlib
import errno
import os
import time
import uuid
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from shardwright_worker.artifact.final_name import MOVING, foreign_folders
from shardwright_worker.artifact.find import file_sizes, read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.maintenance import PruneReport
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME, STAGING_FOLDER, is_key
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.move import move_file, rename_folder
from shardwright_worker.files.volume_errors import is_no_answer, unreadable
from shardwright_worker.files.volume_paths import entries, is_folder, look, refuse_links, remove_tree
from shardwright_worker.publish.staging import in_shared_folder

_MOST_NAMED = 20  # artifacts in each list of what was done


def prune(
    output: Path,
    history_limit: int,
    protected: Collection[str],
    *,
    in_use: Collection[str] = (),
    until: float | None = None,
    root: Path | None = None,
) -> PruneReport:
    """Remove all but the newest `history_limit` artifacts and the protected ones; return what was done.

    Nothing is removed after `until`, in seconds since the epoch. What cannot be told to be an artifact of this folder
    is not touched: links, folders with another's manifest or none that can be read, folders that hold other folders.
    VolumeUnavailable, and nothing is removed, if the volume does not say what is there.
    """
    refuse_links(root or output, output / STAGING_FOLDER)
    made, unknown = _artifacts(output)
    newest_first = sorted(made, key=lambda key: (_age(made[key]), key), reverse=True)
    old = [key for key in newest_first[max(history_limit, 0) :] if key not in protected]
    freed, removed, failed, passed = 0, [], [], False
    for key in [key for key in old if key not in in_use]:
        passed = until is not None and time.time() > until
        if passed:
            break
        if _remove(output, key):
            removed.append(key)
            freed += sum(file_sizes(made[key]).values())
        else:
            failed.append(key)
    not_removed = failed + [key for key in unknown if key not in protected]
    return PruneReport(
        kept=len(made) - len(removed),
        removed=removed[:_MOST_NAMED],
        removed_count=len(removed),
        not_removed=not_removed[:_MOST_NAMED],
        in_use=[key for key in old if key in in_use],
        freed_bytes=freed,
        expired=passed,
    )


def _artifacts(output: Path) -> tuple[dict[str, Manifest], list[str]]:
    """The artifacts of this folder by key, and what has a key's name and a manifest but is none."""
    made: dict[str, Manifest] = {}
    unknown = []
    for key in filter(is_key, entries(output)):
        manifest = _manifest(output / key, key)
        if manifest:
            made[key] = manifest
        elif _seems_one(output / key):
            unknown.append(key)
    return made, unknown


def _manifest(folder: Path, key: str) -> Manifest | None:
    try:
        refuse_links(folder.parent, folder)
        manifest = read_manifest(folder)
    except WorkerFailure as failure:
        if failure.reason == Reason.VOLUME_UNAVAILABLE:
            raise
        return None
    return manifest if manifest.key == key else None


def _seems_one(folder: Path) -> bool:
    """Whether a person would take it for an artifact: a link, a folder with a manifest, one that hides what it has."""
    try:
        return folder.is_symlink() or look(folder / MANIFEST_NAME) is not None
    except WorkerFailure as failure:
        if failure.reason == Reason.VOLUME_UNAVAILABLE:
            raise
        return True


def _age(manifest: Manifest) -> float:
    try:
        return datetime.fromisoformat(manifest.created_at).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _remove(output: Path, key: str) -> bool:
    """The rename takes it out of sight at once; the slow part cannot leave half an artifact under its name."""
    doomed = output / STAGING_FOLDER / f"{key}.removed.{uuid.uuid4().hex[:8]}"
    try:
        if foreign_folders(output / key):
            return False
        if not in_shared_folder(doomed.parent, lambda: rename_folder(output / key, doomed)):
            _remove_in_place(output / key)
            return True
    except WorkerFailure as failure:
        if failure.reason == Reason.VOLUME_UNAVAILABLE:
            raise
        return False
    except OSError as error:
        if is_no_answer(error) and error.errno != errno.EBUSY:  # mounted as a volume of its own
            raise unreadable(error, output / key) from error
        return False
    with contextlib.suppress(OSError):  # out of sight; what is left goes with the next look for what dead workers left
        os.unlink(doomed / MANIFEST_NAME)
        remove_tree(doomed)
    return True


def _remove_in_place(folder: Path) -> None:
    """Where folders cannot be renamed: no artifact any more at once, and what is left says that it may be replaced."""
    move_file(folder / MANIFEST_NAME, folder / MOVING)
    for name in entries(folder):
        if name != MOVING:
            remove_tree(folder / name) if is_folder(folder / name) else os.unlink(folder / name)
    os.unlink(folder / MOVING)
    folder.rmdir()
