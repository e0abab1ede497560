"""Checks that the output volume has room for what will be written, and lets this process write it."""

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import STAGING_FOLDER
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.model_limits import text_config
from shardwright_worker.prepare.quantization import is_quantized
from shardwright_worker.prepare.weights import Weights
from shardwright_worker.sizes import human_size

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
    state = os.statvfs(nearest_folder(folder))
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
    """Do once what publishing will do (create a folder, write, sync, rename, delete); VolumeNotWritable if refused."""
    probe = output / STAGING_FOLDER / f"probe.{uuid.uuid4().hex[:8]}"
    renamed = probe.with_name(probe.name + ".renamed")
    step = "create a folder"
    try:
        make_folders(probe)
        step = "write a file"
        with (probe / "probe").open("wb") as file:
            file.write(b"shardwright")
            file.flush()
            step = "sync a file"
            os.fsync(file.fileno())
        step = "rename a folder"
        probe.rename(renamed)
        step = "delete a file"
        (renamed / "probe").unlink()
        renamed.rmdir()
    except OSError as error:
        raise _not_writable(output, step, error) from None
    finally:
        for leftover in (probe, renamed):
            with contextlib.suppress(OSError):
                (leftover / "probe").unlink()
            with contextlib.suppress(OSError):
                leftover.rmdir()


def nearest_folder(path: Path) -> Path:
    """The path, or the closest folder above it that exists and may be looked at."""
    # Path.is_dir raises where a folder above may not be entered; os.path.isdir says no.
    return next(each for each in (path, *path.parents) if os.path.isdir(each))


def make_folders(folder: Path) -> None:
    """Create a folder and those above it: readable for all whatever the umask, and to the group as the one above is."""
    for each in reversed([folder, *folder.parents]):
        if not os.path.isdir(each):
            with contextlib.suppress(FileExistsError):
                each.mkdir()
            shared = each.parent.stat().st_mode & (stat.S_ISGID | stat.S_IWGRP)
            with contextlib.suppress(OSError):
                each.chmod(0o755 | shared)


def _not_writable(output: Path, step: str, error: OSError) -> WorkerFailure:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkerFailure(
            Reason.INSUFFICIENT_SPACE, f"cannot {step} in {output}: {error.strerror}; the volume or its quota is full"
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
