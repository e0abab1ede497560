"""Checks that the output volume has space for what will be written."""

from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.sizes import format_size
from shardwright_worker.files.folders import nearest_folder
from shardwright_worker.files.free_space import space_of
from shardwright_worker.files.volume_errors import UNSUPPORTED, volume_read_failure

SLACK = 1.05  # for replicated tensors, metadata files, and the file system's own use


def check_space(folder: Path, needed: int, what: str) -> None:
    """Check that 1.05 times `needed` bytes are free on the volume of a folder, which need not exist.

    Volumes that do not report their size pass.

    Raises:
        WorkerFailure: InsufficientSpace, with both numbers; VolumeUnavailable if the volume does not answer.
    """
    place = nearest_folder(folder)
    try:
        space = space_of(place)
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return
        raise volume_read_failure(error, place) from error
    if not space.total:
        return
    required = int(needed * SLACK)
    if space.free < required:
        raise WorkerFailure(
            Reason.INSUFFICIENT_SPACE,
            f"{what} need {format_size(required)}, and the volume has {format_size(space.free)} free of "
            f"{format_size(space.total)}: enlarge the claim or delete old artifacts",
        )
