"""Publish: manifest last, everything synced, then one rename that never replaces anything."""

import contextlib
import ctypes
import errno
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from shardwright_worker.artifact.find import finished_artifact, read_manifest, wrong_sizes
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME, STAGING_FOLDER
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.publish.staging import Staging
from shardwright_worker.volume_errors import volume_errors

_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
_UNABLE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)


def publish(
    staging: Staging, manifest: Manifest, target: Path, root: Path, durations: Callable[[], dict[str, float]]
) -> ArtifactReport:
    """Give the staged artifact its final name. If somebody was faster, theirs is checked and ours dropped.

    Raises WorkerFailure: ArtifactDamaged if the name is taken by something that is not whole.
    """
    manifest = manifest.model_copy(update={"durations": {**manifest.durations, **durations()}})
    with volume_errors(target.parent, f"publish {target}"), contextlib.suppress(FileExistsError):
        _write_manifest(staging.path, manifest)
        _sync_tree(staging.path)
        _set_aside_damaged(target)
        if not _rename(staging.path, target):
            move_into(target, staging.path)
        _sync(target.parent)
    found = finished_artifact(target.parent, target.name, root)
    if found is None:
        message = f"{target} exists and is no whole artifact; move it away"
        raise WorkerFailure(Reason.ARTIFACT_DAMAGED, message)
    return found


def _set_aside_damaged(target: Path) -> None:
    """An artifact of our name that lost files makes room for ours.

    A folder without a manifest stays: another worker may be moving its files there.
    """
    if not (target / MANIFEST_NAME).is_file() or _is_whole(target, target.name):
        return
    aside = target.parent / STAGING_FOLDER / f"{target.name}.damaged-{uuid.uuid4().hex[:8]}"
    if not _rename(target, aside):
        return
    if _is_whole(aside, target.name):  # between our look and the rename somebody else has replaced it
        _rename(aside, target)
    shutil.rmtree(aside, ignore_errors=True)


def _is_whole(folder: Path, key: str) -> bool:
    try:
        manifest = read_manifest(folder)
    except WorkerFailure:
        return False
    return manifest.key == key and not wrong_sizes(folder, manifest)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    path = folder / MANIFEST_NAME
    path.write_text(manifest.model_dump_json(by_alias=True, indent=1) + "\n")


def _sync_tree(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        with contextlib.suppress(PermissionError):
            os.chmod(path, 0o755 if path.is_dir() else 0o644)
        _sync(path)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    except OSError as error:
        if not (path.is_dir() and error.errno in _UNABLE):  # some volumes cannot sync folders
            raise
    finally:
        os.close(file)


def _rename(source: Path, target: Path) -> bool:
    """Rename without replacing. False if the volume cannot rename folders at all."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = libc.renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE)
    if code == 0:
        return True
    number = ctypes.get_errno()
    if number == errno.EEXIST:
        raise FileExistsError(number, os.strerror(number), str(target))
    if number not in _UNABLE and number != errno.EXDEV:
        raise OSError(number, os.strerror(number), str(target))
    try:
        os.rename(source, target)  # a folder never replaces one that is not empty
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(error.errno, error.strerror, str(target)) from error
        if error.errno in (*_UNABLE, errno.EXDEV):
            return False
        raise
    return True


def move_into(target: Path, source: Path) -> None:
    """Where no folder can be renamed: file by file, the manifest last, for it alone makes an artifact of a folder.

    Goes on where a worker that died stopped, and harms none that does the same: both have the same files.
    """
    names = [path.relative_to(source) for path in source.rglob("*") if path.is_file() and path.name != MANIFEST_NAME]
    for name in [*names, Path(MANIFEST_NAME)]:
        if (target / MANIFEST_NAME).exists():
            return
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if name == Path(MANIFEST_NAME):
            _sync_tree(target)
        os.rename(source / name, target / name)
    _sync_tree(target)
