"""Publish: manifest last, everything synced, then one rename that never replaces anything."""

import contextlib
import os
import stat
import uuid
from collections.abc import Callable
from pathlib import Path

from shardwright_worker.artifact.final_name import Standing, foreign_folders, refuse_strange, standing_of
from shardwright_worker.artifact.find import damage_of, damaged, finished_artifact, manifest_digest, read_manifest
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME, STAGING_FOLDER
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.files.file_modes import FILE_MODE, FOLDER_MODE, set_mode
from shardwright_worker.files.move import create, rename_folder, sync, write_all
from shardwright_worker.files.ownership import alone
from shardwright_worker.files.volume_errors import volume_errors
from shardwright_worker.files.volume_paths import look, refuse_links, remove_tree
from shardwright_worker.publish.file_by_file import move_into
from shardwright_worker.publish.staging import OWNER, Staging

__all__ = ["move_into", "publish"]

_TRIES = 5  # somebody else may change what has the name while we look


def publish(
    staging: Staging,
    manifest: Manifest,
    target: Path,
    root: Path,
    durations: Callable[[], dict[str, float]],
    replaces: str = "",
) -> ArtifactReport:
    """Give the staged artifact its final name. If somebody was faster, theirs is checked and ours dropped.

    `replaces`: digest of the manifest of an artifact of this name whose bytes are known to be wrong.

    Raises WorkerFailure: ArtifactDamaged if the name is taken by something that is no artifact.
    """
    manifest = manifest.model_copy(update={"duration_seconds": {**manifest.duration_seconds, **durations()}})
    refuse_links(root, target.parent / STAGING_FOLDER)
    if not manifest.may_have_key(target.name):
        raise WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"--artifact-name {target.name} does not follow from source, engine flags, image, pattern and part size: "
            "leave it out, or give all as they were when it was found out",
        )
    with volume_errors(target.parent, f"publish {target}", needed=manifest.bytes):
        _write_manifest(staging.path, manifest)
        _sync_staged(staging.path)
        _give_name(staging.path, target, replaces)
        sync(target.parent)
        found = finished_artifact(target.parent, target.name, root)
    if found is None:
        raise damaged(damage_of(target, target.name) or f"{target} changed while it was published")
    return found


def _give_name(staged: Path, target: Path, replaces: str = "") -> None:
    for _ in range(_TRIES):
        match refuse_strange(target, target.name):
            case Standing.WHOLE if replaces and manifest_digest(target) == replaces:
                # Without a part everybody sees that it is not whole, and it makes room like any other damaged one.
                (target / read_manifest(target).parts[0].file).unlink(missing_ok=True)
                continue
            case Standing.WHOLE:
                return
            case Standing.DAMAGED if _set_aside_damaged(target):
                continue
            case Standing.FREE if _rename(staged, target):
                return
            case Standing.EMPTY if _remove_empty(target):
                continue
            case Standing.DAMAGED | Standing.FREE | Standing.EMPTY | Standing.MOVING:
                _move(staged, target)
                return
    raise damaged(f"{target} changes all the time: something else than a worker writes there")


def _rename(staged: Path, target: Path) -> bool:
    """Whether the look at what has the name now may end. False if the volume cannot rename folders."""
    with contextlib.suppress(FileExistsError):
        return rename_folder(staged, target)
    return standing_of(target, target.name) == Standing.WHOLE


def _remove_empty(target: Path) -> bool:
    with contextlib.suppress(OSError):  # somebody put something there, or it cannot go: then files move into it
        target.rmdir()
        return True
    return False


def _move(staged: Path, target: Path) -> None:
    """One worker at a time; whoever waited finds the artifact there."""
    with alone(target.parent / STAGING_FOLDER / f"{target.name}.moving{OWNER}"):
        move_into(target, staged)


def _set_aside_damaged(target: Path) -> bool:
    """Whether an artifact of our name that is not whole has made room for ours.

    It stays where it is if it holds folders of somebody else: they must not move.
    """
    if not damage_of(target, target.name) or foreign_folders(target):
        return False
    aside = target.parent / STAGING_FOLDER / f"{target.name}.damaged-{uuid.uuid4().hex[:8]}"
    if not rename_folder(target, aside):
        return False
    if not damage_of(aside, target.name):  # between our look and the rename somebody else has replaced it
        rename_folder(aside, target)
        return True
    with contextlib.suppress(OSError):  # out of sight; what is left goes with the next look for what dead workers left
        remove_tree(aside)
    return True


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    path = folder / MANIFEST_NAME
    path.unlink(missing_ok=True)
    file = create(path)
    try:
        write_all(file, manifest.model_dump_json(by_alias=True, indent=1).encode() + b"\n")
    finally:
        os.close(file)


def _sync_staged(folder: Path) -> None:
    for where, _folders, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(where) / name
            state = look(path)
            if state is None or not stat.S_ISREG(state.st_mode):
                raise damaged(f"{path} is no regular file: somebody else writes to {folder}")
            set_mode(path, FILE_MODE)
            sync(path)
        set_mode(Path(where), FOLDER_MODE)
        sync(Path(where))
