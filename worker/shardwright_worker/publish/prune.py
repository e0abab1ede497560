"""Removes older artifacts, except the newest, published ones, those in use, and folders that are not artifacts."""

import contextlib
import errno
import os
import time
import uuid
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from shardwright_worker.artifact.artifact_files import file_sizes
from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.artifact.target_state import MOVING_MANIFEST, foreign_folders
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.maintenance import PruneReport
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME, STAGING_FOLDER, is_key
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.folders import with_shared_folder
from shardwright_worker.files.nofollow import is_folder, list_folder, lstat_if_exists, reject_symlinks, remove_tree
from shardwright_worker.files.rename import move_file, rename_folder
from shardwright_worker.files.volume_errors import is_unavailable, volume_read_failure

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
    """Remove all but the newest `history_limit` artifacts and the protected ones, and return what was done.

    Nothing is removed after `until`, in seconds since the epoch. What is not clearly an artifact of this folder is not
    touched: links, folders without a readable manifest of their own key, folders that hold other folders.

    Raises:
        WorkerFailure: VolumeUnavailable, and nothing is removed, if the volume does not show what is there.
    """
    reject_symlinks(root or output, output / STAGING_FOLDER)
    artifacts, unknown = _artifacts(output)
    newest_first = sorted(artifacts, key=lambda key: (_created_at(artifacts[key]), key), reverse=True)
    old = [key for key in newest_first[max(history_limit, 0) :] if key not in protected]
    freed, removed, failed, expired = 0, [], [], False
    for key in [key for key in old if key not in in_use]:
        expired = until is not None and time.time() > until
        if expired:
            break
        if _remove(output, key):
            removed.append(key)
            freed += sum(file_sizes(artifacts[key]).values())
        else:
            failed.append(key)
    not_removed = failed + [key for key in unknown if key not in protected]
    return PruneReport(
        kept=len(artifacts) - len(removed),
        removed=removed[:_MOST_NAMED],
        removed_count=len(removed),
        not_removed=not_removed[:_MOST_NAMED],
        in_use=[key for key in old if key in in_use],
        freed_bytes=freed,
        expired=expired,
    )


def _artifacts(output: Path) -> tuple[dict[str, Manifest], list[str]]:
    """Return the artifacts of this folder by key, and the names of what looks like one but is not."""
    artifacts: dict[str, Manifest] = {}
    unknown = []
    for key in filter(is_key, list_folder(output)):
        manifest = _manifest(output / key, key)
        if manifest:
            artifacts[key] = manifest
        elif _looks_like_artifact(output / key):
            unknown.append(key)
    return artifacts, unknown


def _manifest(folder: Path, key: str) -> Manifest | None:
    try:
        reject_symlinks(folder.parent, folder)
        manifest = read_manifest(folder)
    except WorkerFailure as failure:
        if failure.reason == Reason.VOLUME_UNAVAILABLE:
            raise
        return None
    return manifest if manifest.key == key else None


def _looks_like_artifact(folder: Path) -> bool:
    """Return whether users would expect an artifact there: a link, a folder with a manifest, or an unreadable one."""
    try:
        return folder.is_symlink() or lstat_if_exists(folder / MANIFEST_NAME) is not None
    except WorkerFailure as failure:
        if failure.reason == Reason.VOLUME_UNAVAILABLE:
            raise
        return True


def _created_at(manifest: Manifest) -> float:
    try:
        return datetime.fromisoformat(manifest.created_at).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _remove(output: Path, key: str) -> bool:
    """Remove an artifact and return whether that worked: renamed first, so that half of one never has its name."""
    aside = output / STAGING_FOLDER / f"{key}.removed.{uuid.uuid4().hex[:8]}"
    try:
        if foreign_folders(output / key):
            return False
        if not with_shared_folder(aside.parent, lambda: rename_folder(output / key, aside)):
            _remove_in_place(output / key)
            return True
    except WorkerFailure as failure:
        if failure.reason == Reason.VOLUME_UNAVAILABLE:
            raise
        return False
    except OSError as error:
        if is_unavailable(error) and error.errno != errno.EBUSY:  # EBUSY: a pod has mounted the folder itself
            raise volume_read_failure(error, output / key) from error
        return False
    with contextlib.suppress(OSError):  # the next worker removes what is left
        os.unlink(aside / MANIFEST_NAME)
        remove_tree(aside)
    return True


def _remove_in_place(folder: Path) -> None:
    """Remove an artifact where folders cannot be renamed: without its manifest it is none, and may be replaced."""
    move_file(folder / MANIFEST_NAME, folder / MOVING_MANIFEST)
    for name in list_folder(folder):
        if name != MOVING_MANIFEST:
            remove_tree(folder / name) if is_folder(folder / name) else os.unlink(folder / name)
    os.unlink(folder / MOVING_MANIFEST)
    folder.rmdir()
