"""Tells what has an artifact's final name, and so whether a new artifact may take its place."""

import stat
from enum import Enum
from pathlib import Path

from shardwright_worker.artifact.find import damage_of, damaged, file_sizes, not_a_folder, read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.volume_paths import entries, is_folder, look

MOVING = MANIFEST_NAME + ".moving"  # the manifest of an artifact whose files are on their way into the folder


class Standing(Enum):
    """What has the name."""

    FREE = "nothing"
    EMPTY = "an empty folder, as the kubelet makes for a server that is there too early"
    MOVING = "what a worker left that moved its files one by one"
    DAMAGED = "an artifact that is not whole"
    WHOLE = "the artifact"
    STRANGE = "something that no worker made"


def standing_of(folder: Path, key: str) -> Standing:
    """What has the name of the artifact of this key. VolumeUnavailable if that cannot be known."""
    state = look(folder)
    if state is None:
        return Standing.FREE
    if not stat.S_ISDIR(state.st_mode):
        return Standing.STRANGE
    if look(folder / MANIFEST_NAME) is not None:
        return Standing.DAMAGED if damage_of(folder, key) else Standing.WHOLE
    names = entries(folder)
    if moving_manifest(folder, key) is not None or names == [MOVING]:
        return Standing.MOVING
    return Standing.STRANGE if names else Standing.EMPTY


def refuse_strange(folder: Path, key: str) -> Standing:
    """What has the name; ArtifactDamaged if that is something that a new artifact must not replace."""
    standing = standing_of(folder, key)
    if standing == Standing.STRANGE:
        state = look(folder)
        if state is not None and not stat.S_ISDIR(state.st_mode):
            raise not_a_folder(folder, state.st_mode)
        raise damaged(
            f"{folder} exists and is no artifact: it has no {MANIFEST_NAME}, and no worker left it. Move it away, "
            "since an artifact is to have this name"
        )
    return standing


def moving_manifest(folder: Path, key: str) -> Manifest | None:
    """The manifest that a worker left which moved its files one by one; None if there is none of this key."""
    manifest = _manifest(folder, MOVING)
    return manifest if manifest and manifest.key == key and manifest.may_have_key(key) else None


def foreign_folders(folder: Path) -> list[str]:
    """Folders in an artifact that hold what its manifest does not name: somebody else's, an artifact perhaps."""
    manifest = _manifest(folder, MANIFEST_NAME)
    ours = set(file_sizes(manifest)) if manifest else set()
    inner = [name for name in entries(folder) if is_folder(folder / name)]
    return [name for name in inner if not _holds_only(folder / name, name, ours)]


def _holds_only(folder: Path, name: str, ours: set[str]) -> bool:
    names = entries(folder)
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
