"""Reads the manifest of an artifact, which users may have edited, with limits on everything in it."""

import hashlib
import os
from pathlib import Path

from pydantic import ValidationError

from shardwright_worker.artifact.artifact_files import file_sizes
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import MANIFEST_LIMIT, Manifest
from shardwright_worker.contract.naming import FORMAT_VERSION, MANIFEST_NAME, stays_inside
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import abbreviate
from shardwright_worker.files.nofollow import is_folder, lstat_if_exists, read_nofollow

_NAMED = 5  # problems that a message names


def read_manifest(folder: Path, name: str = MANIFEST_NAME) -> Manifest:
    """Return the folder's manifest.

    Raises:
        WorkerFailure: ArtifactDamaged if there is no valid one; VolumeUnavailable if that is not known.
    """
    return read_manifest_and_digest(folder, name)[0]


def manifest_digest(folder: Path) -> str:
    """Return the SHA-256 of the folder's manifest in hex, as reports have it."""
    return read_manifest_and_digest(folder)[1]


def read_manifest_and_digest(folder: Path, name: str = MANIFEST_NAME) -> tuple[Manifest, str]:
    """Return the manifest and the SHA-256 of its file in hex.

    Raises:
        WorkerFailure: as `read_manifest`.
    """
    path = folder / name
    try:
        content = _content(path)
        manifest = Manifest.model_validate_json(content)
    except FileNotFoundError as error:
        problem = error.strerror if lstat_if_exists(path) else os.strerror(error.errno or 0)
        detail = f"{name}: {problem}" if is_folder(folder) else "no such folder"
        raise damage_failure(f"{folder} is not an artifact: {detail}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise damage_failure(f"{path} cannot be read: {where}: {first['msg']}"[:500]) from None
    if manifest.schema_version > FORMAT_VERSION:
        raise damage_failure(
            f"{path} has format {manifest.schema_version}, this worker reads up to {FORMAT_VERSION}: use a newer one"
        )
    for file in file_sizes(manifest):
        if not stays_inside(file):
            raise damage_failure(f"{path} names a file {file!r}, which is outside the folder")
    return manifest, hashlib.sha256(content).hexdigest()


def summarize_problems(folder: Path, problems: list[str]) -> str:
    """Return the damage in one line, an empty string without problems."""
    lines = [line[:300] for line in problems[:_NAMED]]
    return f"{folder}: {abbreviate(lines, _NAMED, '; ', len(problems))}" if problems else ""


def damage_failure(message: str) -> WorkerFailure:
    """Return the failure for an artifact that is not what its manifest says."""
    return WorkerFailure(Reason.ARTIFACT_DAMAGED, message)


def _content(path: Path) -> bytes:
    try:
        return read_nofollow(path, MANIFEST_LIMIT)
    except ValueError as error:
        raise damage_failure(f"{error}, the limit for a manifest") from None
