"""Whether a failed proof speaks of the shards, or of the machine and the volume that it ran on."""

import os
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.volume_errors import is_unavailable, volume_read_failure

_NOT_THE_SHARDS = (
    Reason.OUT_OF_MEMORY,
    Reason.OUT_OF_DEVICE_MEMORY,
    Reason.DEVICE_UNAVAILABLE,
    Reason.COMMUNICATION_FAILED,
    Reason.VOLUME_UNAVAILABLE,
    Reason.VOLUME_NOT_WRITABLE,
    Reason.INSUFFICIENT_SPACE,
    Reason.UNEXPECTED_ERROR,
)


def speaks_of_shards(failure: WorkerFailure) -> bool:
    """Whether it does: what a loader refuses does, for with these settings the source was loaded a moment ago."""
    return failure.reason not in _NOT_THE_SHARDS


def verdict(failure: WorkerFailure, artifact: Path) -> WorkerFailure:
    """What the failure of the process that loads the shards means."""
    if speaks_of_shards(failure):
        failure = _silence_of(artifact) or failure
    reason, words = failure.reason, "while the shards were proven"
    if speaks_of_shards(failure):
        reason, words = Reason.VERIFICATION_FAILED, "A stock vLLM cannot load the shards"
    return WorkerFailure(reason, f"{words}: {failure.message}", rank=failure.rank, error_type=failure.error_type)


def _silence_of(artifact: Path) -> WorkerFailure | None:
    """Libraries that ask whether a file exists take a volume that does not answer for one without the file."""
    try:
        os.listdir(artifact)
    except OSError as error:
        return volume_read_failure(error, artifact) if is_unavailable(error) else None
    return None
