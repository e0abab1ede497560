"""Publishes a staged artifact: everything synced, then one atomic rename that never replaces anything."""

import contextlib
import os
import stat
import uuid
from collections.abc import Callable
from pathlib import Path

from shardwright_worker.artifact.find import find_artifact, find_damage
from shardwright_worker.artifact.manifest_file import damage_failure, manifest_digest, read_manifest
from shardwright_worker.artifact.target_state import TargetState, foreign_folders, reject_foreign, target_state
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME, STAGING_FOLDER
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.files.durable_files import fsync_path, write_new_file
from shardwright_worker.files.file_modes import FILE_MODE, FOLDER_MODE, set_mode
from shardwright_worker.files.lock_file import exclusive_lock
from shardwright_worker.files.nofollow import lstat_if_exists, reject_symlinks, remove_tree
from shardwright_worker.files.rename import rename_folder
from shardwright_worker.files.volume_errors import volume_errors
from shardwright_worker.publish.publish_without_rename import move_files_into
from shardwright_worker.publish.staging import OWNER_SUFFIX, Staging

_TRIES = 5  # another worker may change what has the name at any time


def publish(
    staging: Staging,
    manifest: Manifest,
    target: Path,
    root: Path,
    durations: Callable[[], dict[str, float]],
    replaces: str = "",
) -> ArtifactReport:
    """Rename the staged artifact to its final name and return its report.

    If another worker published the artifact first, that one is checked and reported, and the staged one dropped.
    `durations` returns the seconds of each stage so far. `replaces` is the digest of the manifest of an artifact of
    this name whose bytes are known to be wrong.

    Raises:
        WorkerFailure: ArtifactDamaged if the name is taken by something that is not an artifact; InvalidEngineArguments
            if the name does not follow from the manifest; a reason of the volume.
    """
    manifest = manifest.model_copy(update={"duration_seconds": {**manifest.duration_seconds, **durations()}})
    reject_symlinks(root, target.parent / STAGING_FOLDER)
    if not manifest.may_have_key(target.name):
        raise WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"--artifact-name {target.name} does not follow from source, engine flags, image, file pattern and size: "
            "remove it, or set all of them as they were when it was computed",
        )
    with volume_errors(target.parent, f"publish {target}", needed=manifest.bytes):
        _write_manifest(staging.path, manifest)
        _sync_staged(staging.path)
        # One worker at a time for each name: what one has found out of it stays true until it has published.
        with exclusive_lock(staging.path.with_name(f"{target.name}.moving{OWNER_SUFFIX}")):
            _publish_as(staging.path, target, replaces)
        fsync_path(target.parent)
        found = find_artifact(target.parent, target.name, root)
    if found is None:
        raise damage_failure(find_damage(target, target.name) or f"{target} changed while it was published")
    return found


def _publish_as(staged: Path, target: Path, replaces: str = "") -> None:
    for _ in range(_TRIES):
        match reject_foreign(target, target.name):
            case TargetState.COMPLETE if replaces and manifest_digest(target) == replaces:
                # Without a part it is incomplete for every worker, and is replaced like any other damaged artifact.
                (target / read_manifest(target).parts[0].file).unlink(missing_ok=True)
                continue
            case TargetState.COMPLETE:
                return
            case TargetState.DAMAGED if _set_aside_damaged(target):
                continue
            case TargetState.FREE if _rename(staged, target):
                return
            case TargetState.EMPTY if _remove_empty(target):
                continue
            case TargetState.DAMAGED | TargetState.FREE | TargetState.EMPTY | TargetState.MOVING:
                move_files_into(target, staged)
                return
    raise damage_failure(f"{target} keeps changing: something other than a worker writes there")


def _rename(staged: Path, target: Path) -> bool:
    """Return whether the artifact has its name now; False if the volume cannot rename folders, or the name is taken."""
    with contextlib.suppress(FileExistsError):
        return rename_folder(staged, target)
    return target_state(target, target.name) == TargetState.COMPLETE


def _remove_empty(target: Path) -> bool:
    with contextlib.suppress(OSError):  # not empty any more, or it cannot be removed: then the files are moved into it
        target.rmdir()
        return True
    return False


def _set_aside_damaged(target: Path) -> bool:
    """Rename a damaged artifact into the staging folder and remove it; return whether the name is free now.

    It stays in place if it holds folders that are not part of it: they may be mounted or belong to another user.
    """
    if not find_damage(target, target.name) or foreign_folders(target):
        return False
    aside = target.parent / STAGING_FOLDER / f"{target.name}.damaged-{uuid.uuid4().hex[:8]}"
    if not rename_folder(target, aside):
        return False
    if not find_damage(aside, target.name):  # another worker replaced it before the rename
        rename_folder(aside, target)
        return True
    with contextlib.suppress(OSError):  # the next worker removes what is left
        remove_tree(aside)
    return True


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    path = folder / MANIFEST_NAME
    path.unlink(missing_ok=True)
    write_new_file(path, manifest.model_dump_json(by_alias=True, indent=1).encode() + b"\n")


def _sync_staged(folder: Path) -> None:
    for where, _folders, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(where) / name
            state = lstat_if_exists(path)
            if state is None or not stat.S_ISREG(state.st_mode):
                raise damage_failure(f"{path} is not a regular file: another process writes to {folder}")
            set_mode(path, FILE_MODE)
            fsync_path(path)
        set_mode(Path(where), FOLDER_MODE)
        fsync_path(Path(where))
