"""Decides whether a failed proof is about the shards, or about the machine and the volume that it ran on."""

import os
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.files.volume_errors import is_unavailable, volume_read_failure


def is_about_shards(failure: WorkerFailure) -> bool:
    """Return whether the shards are at fault. What a loader rejects is: with these settings the source was loaded."""
    return MEANINGS[failure.reason].blames_shards


def failure_of_proof(failure: WorkerFailure, artifact: Path) -> WorkerFailure:
    """Return the failure of the proof, given the failure of the process that loads the shards."""
    if is_about_shards(failure):
        failure = _failure_of_volume(artifact) or failure
    reason, what = failure.reason, "while the shards were verified"
    if is_about_shards(failure):
        reason, what = Reason.VERIFICATION_FAILED, "A stock vLLM cannot load the shards"
    return WorkerFailure(reason, f"{what}: {failure.message}", rank=failure.rank, error_type=failure.error_type)


def _failure_of_volume(artifact: Path) -> WorkerFailure | None:
    """Return the failure of a volume that does not answer: os.path.exists reports its files as missing."""
    try:
        os.listdir(artifact)
    except OSError as error:
        return volume_read_failure(error, artifact) if is_unavailable(error) else None
    return None
