"""Tries on the output volume every operation that publishing cannot do without."""

import contextlib
import errno
import os
import uuid
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import STAGING_FOLDER
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.durable_files import create_file, write_all
from shardwright_worker.files.folders import make_folders, nearest_folder
from shardwright_worker.files.nofollow import open_nofollow, reject_symlinks
from shardwright_worker.files.volume_errors import DISK_FULL, UNSUPPORTED, describe_free_space, is_unavailable


def probe_volume(output: Path) -> None:
    """Create, sync, read and delete a small file under `output`, and leave nothing behind but the folders.

    Renames, modes, locks and reserved space are not probed: publishing has a fallback for each.

    Raises:
        WorkerFailure: InsufficientSpace, VolumeUnavailable or VolumeNotWritable; the message names the operation.
    """
    reject_symlinks(output, output / STAGING_FOLDER)
    probe = output / STAGING_FOLDER / f"probe.{uuid.uuid4().hex[:8]}"
    step = ["create a folder"]
    try:
        make_folders(probe)
        step.append("write a file")
        file = create_file(probe / "probe")
        try:
            write_all(file, b"shardwright")
            step.append("sync a file")
            os.fsync(file)
        finally:
            os.close(file)
        step.append("read a file")
        with open_nofollow(probe / "probe") as written:
            written.read()
        step.append("delete a file")
        (probe / "probe").unlink()
        step.append("delete a folder")
        probe.rmdir()
    except OSError as error:
        raise _probe_failure(output, step[-1], error) from None
    finally:
        with contextlib.suppress(OSError):
            (probe / "probe").unlink()
        with contextlib.suppress(OSError):
            probe.rmdir()


def _probe_failure(output: Path, step: str, error: OSError) -> WorkerFailure:
    what = f"cannot {step} in {output}"
    if error.errno in DISK_FULL:
        return WorkerFailure(
            Reason.INSUFFICIENT_SPACE,
            f"{what}: {error.strerror}; the volume or its quota is full: {describe_free_space(output)}",
        )
    if is_unavailable(error):
        return WorkerFailure(Reason.VOLUME_UNAVAILABLE, f"{what}: {error.strerror}")
    if error.errno in UNSUPPORTED and error.errno != errno.EPERM:
        return WorkerFailure(
            Reason.VOLUME_NOT_WRITABLE,
            f"{what}: {error.strerror}; this kind of volume does not support it, and publishing needs it: use a claim "
            "of another storage class",
        )
    return WorkerFailure(Reason.VOLUME_NOT_WRITABLE, _denied(output, what, error))


def _denied(output: Path, what: str, error: OSError) -> str:
    place = nearest_folder(output)
    owner = place.stat()
    groups = ", ".join(str(group) for group in sorted({os.getgid(), *os.getgroups()}))
    advice = (
        "it is mounted read-only"
        if error.errno == errno.EROFS
        else "set spec.job.podSecurityContext.fsGroup to a group that may write there, or change the folder's owner"
    )
    return (
        f"{what} as user {os.getuid()} (groups {groups}): {error.strerror}; {place} belongs to "
        f"{owner.st_uid}:{owner.st_gid} with mode {owner.st_mode & 0o7777:04o}; {advice}"
    )
