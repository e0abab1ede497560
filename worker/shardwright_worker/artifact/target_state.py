"""Determines what has an artifact's final name, and so whether a new artifact may be published there."""

import stat
from enum import Enum
from pathlib import Path

from shardwright_worker.artifact.artifact_files import file_sizes
from shardwright_worker.artifact.find import find_damage, not_a_folder_failure
from shardwright_worker.artifact.manifest_file import damage_failure, read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.nofollow import is_folder, list_folder, lstat_if_exists

MOVING_MANIFEST = MANIFEST_NAME + ".moving"  # the manifest while an artifact's files are moved into the folder


class TargetState(Enum):
    """What has the name.

    The kubelet creates an empty folder for a pod that mounts the artifact by subPath before it is published:
    https://kubernetes.io/docs/concepts/storage/volumes/#using-subpath
    """

    FREE = "nothing"
    EMPTY = "an empty folder"
    MOVING = "what a worker left that moved its files one by one"
    DAMAGED = "an artifact that is not complete"
    COMPLETE = "the artifact"
    FOREIGN = "something that no worker created"


def target_state(folder: Path, key: str) -> TargetState:
    """Return what has the name of the artifact of this key.

    Raises:
        WorkerFailure: the volume does not answer.
    """
    state = lstat_if_exists(folder)
    if state is None:
        return TargetState.FREE
    if not stat.S_ISDIR(state.st_mode):
        return TargetState.FOREIGN
    if lstat_if_exists(folder / MANIFEST_NAME) is not None:
        return TargetState.DAMAGED if find_damage(folder, key) else TargetState.COMPLETE
    names = list_folder(folder)
    if moving_manifest(folder, key) is not None or names == [MOVING_MANIFEST]:
        return TargetState.MOVING
    return TargetState.FOREIGN if names else TargetState.EMPTY


def reject_foreign(folder: Path, key: str) -> TargetState:
    """Return what has the name, unless that must not be replaced.

    Raises:
        WorkerFailure: ArtifactDamaged if no worker created it; VolumeUnavailable if the volume does not answer.
    """
    found = target_state(folder, key)
    if found == TargetState.FOREIGN:
        state = lstat_if_exists(folder)
        if state is not None and not stat.S_ISDIR(state.st_mode):
            raise not_a_folder_failure(folder, state.st_mode)
        raise damage_failure(
            f"{folder} exists and is not an artifact: it has no {MANIFEST_NAME}, and no worker created it. Move it "
            "away: this name is needed for an artifact"
        )
    return found


def moving_manifest(folder: Path, key: str) -> Manifest | None:
    """Return the manifest of this key that an interrupted move left, or None."""
    manifest = _manifest(folder, MOVING_MANIFEST)
    return manifest if manifest and manifest.key == key and manifest.may_have_key(key) else None


def foreign_folders(folder: Path) -> list[str]:
    """Return the folders in an artifact with content that its manifest does not name, such as another artifact."""
    manifest = _manifest(folder, MANIFEST_NAME)
    ours = set(file_sizes(manifest)) if manifest else set()
    inner = [name for name in list_folder(folder) if is_folder(folder / name)]
    return [name for name in inner if not _holds_only(folder / name, name, ours)]


def _holds_only(folder: Path, name: str, ours: set[str]) -> bool:
    names = list_folder(folder)
    if not names:
        return any(each.startswith(f"{name}/") for each in ours)
    return all(
        _holds_only(folder / each, f"{name}/{each}", ours) if is_folder(folder / each) else f"{name}/{each}" in ours
        for each in names
    )


def _manifest(folder: Path, name: str) -> Manifest | None:
    try:
        return read_manifest(folder, name)
    except WorkerFailure as failure:
        if failure.reason != Reason.ARTIFACT_DAMAGED:
            raise
        return None
