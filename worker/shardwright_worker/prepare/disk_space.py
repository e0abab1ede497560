"""Checks that the output volume has room for what will be written, and lets this process write it."""

import contextlib
import errno
import os
import stat
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shardwright_worker.checks.model_limits import text_config
from shardwright_worker.checks.source_quantization import is_quantized
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import STAGING_FOLDER
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.file_modes import FOLDER_MODE, set_mode
from shardwright_worker.files.move import create, write_all
from shardwright_worker.files.sizes import human_size
from shardwright_worker.files.volume_errors import FULL, GONE, UNABLE, is_no_answer, lack_of_space, unreadable
from shardwright_worker.files.volume_paths import open_plain, refuse_links
from shardwright_worker.source.weights import Weights

_TRIES = 50
SLACK = 1.05  # replicated tensors, metadata, and what a file system keeps for itself
_WIDTHS = {"float32": 4, "float": 4, "float16": 2, "half": 2, "bfloat16": 2}


def expected_bytes(weights: Weights, stored: int, config: Mapping[str, Any], engine: EngineSettings) -> int:
    """What the shards will take: what is stored, unless a dtype is asked for that makes it more or less."""
    width = _WIDTHS.get(engine.dtype)
    if not weights.float_elements or width is None or is_quantized(config):
        return stored
    return weights.float_elements * width + weights.other_bytes


def expected_of_stored(stored: int, config: Mapping[str, Any], engine: EngineSettings) -> int:
    """The same before there are any headers: by the dtype that the configuration names."""
    width = _WIDTHS.get(engine.dtype)
    text = text_config(config)
    named = text.get("dtype") or text.get("torch_dtype") or config.get("dtype") or config.get("torch_dtype")
    before = _WIDTHS.get(named) if isinstance(named, str) else None
    if width is None or before is None or is_quantized(config):
        return stored
    return stored * width // before


def check_space(folder: Path, needed: int, what: str) -> None:
    """InsufficientSpace with both numbers if less than 1.05 times the bytes are free."""
    place = nearest_folder(folder)
    try:
        state = os.statvfs(place)
    except OSError as error:
        if error.errno in UNABLE:
            return
        raise unreadable(error, place) from error
    if not state.f_blocks:
        return  # some network file systems do not tell
    free = state.f_bavail * state.f_frsize
    wanted = int(needed * SLACK)
    if free < wanted:
        raise WorkerFailure(
            Reason.INSUFFICIENT_SPACE,
            f"{what} need {human_size(wanted)}, and the volume has {human_size(free)} free of "
            f"{human_size(state.f_blocks * state.f_frsize)}: enlarge the claim or delete old artifacts",
        )


def probe_writing(output: Path) -> None:
    """Do once all that publishing cannot do without; the failure names what the volume refuses.

    Renaming, modes, locks and reserved space are not among it: there is another way for each.
    """
    refuse_links(output, output / STAGING_FOLDER)
    probe = output / STAGING_FOLDER / f"probe.{uuid.uuid4().hex[:8]}"
    step = ["create a folder"]
    try:
        make_folders(probe)
        step.append("write a file")
        file = create(probe / "probe")
        try:
            write_all(file, b"shardwright")
            step.append("sync a file")
            os.fsync(file)
        finally:
            os.close(file)
        step.append("read a file")
        with open_plain(probe / "probe") as written:
            written.read()
        step.append("delete a file")
        (probe / "probe").unlink()
        step.append("delete a folder")
        probe.rmdir()
    except OSError as error:
        raise _not_writable(output, step[-1], error) from None
    finally:
        with contextlib.suppress(OSError):
            (probe / "probe").unlink()
        with contextlib.suppress(OSError):
            probe.rmdir()


def nearest_folder(path: Path) -> Path:
    """The path, or the closest folder above it that exists and may be looked at."""
    return next(each for each in (path, *path.parents) if _is_folder(each))


def _is_folder(path: Path) -> bool:
    """Whether it is a folder, as far as this user may know. A volume that does not answer is no missing folder."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        if error.errno in (*GONE, errno.EACCES, errno.EPERM, errno.ELOOP):
            return False
        raise unreadable(error, path) from error


def make_folders(folder: Path) -> None:
    """Create a folder and those above it: readable for all whatever the umask, and to the group as the one above is."""
    for attempt in range(_TRIES):
        try:
            _make_folders(folder)
            return
        except FileNotFoundError:  # another worker removed one, which was empty
            if attempt + 1 == _TRIES:
                raise
            time.sleep(0.001 * attempt)


def _make_folders(folder: Path) -> None:
    for each in reversed([folder, *folder.parents]):
        if not _is_folder(each):
            with contextlib.suppress(FileExistsError):
                each.mkdir()
            shared = each.parent.stat().st_mode & (stat.S_ISGID | stat.S_IWGRP)
            set_mode(each, FOLDER_MODE | shared)


def _not_writable(output: Path, step: str, error: OSError) -> WorkerFailure:
    if error.errno in FULL:
        return WorkerFailure(
            Reason.INSUFFICIENT_SPACE,
            f"cannot {step} in {output}: {error.strerror}; the volume or its quota is full: {lack_of_space(output)}",
        )
    if is_no_answer(error):
        return WorkerFailure(Reason.VOLUME_UNAVAILABLE, f"cannot {step} in {output}: {error.strerror}")
    if error.errno in UNABLE and error.errno != errno.EPERM:
        return WorkerFailure(
            Reason.VOLUME_NOT_WRITABLE,
            f"cannot {step} in {output}: {error.strerror}; this kind of volume cannot do it, and no artifact can be "
            "published without it: use a claim of another storage class",
        )
    place = nearest_folder(output)
    owner = place.stat()
    groups = ", ".join(str(group) for group in sorted({os.getgid(), *os.getgroups()}))
    advice = (
        "it is mounted read-only"
        if error.errno == errno.EROFS
        else "set spec.job.podSecurityContext.fsGroup to a group that may write there, or give the folder to that user"
    )
    return WorkerFailure(
        Reason.VOLUME_NOT_WRITABLE,
        f"cannot {step} in {output} as user {os.getuid()} (groups {groups}): {error.strerror}; {place} belongs to "
        f"{owner.st_uid}:{owner.st_gid} with mode {owner.st_mode & 0o7777:04o}; {advice}",
    )
