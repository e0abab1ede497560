"""Replaces the manifest of a published artifact in one step: a reader finds the old one or the new one, whole."""

import os
from pathlib import Path

from shardwright_worker.artifact.final_name import MOVING
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.files.file_modes import FILE_MODE, set_mode
from shardwright_worker.files.move import CANNOT_RENAME, copy_file, create, sync, write_all
from shardwright_worker.files.volume_errors import volume_errors


def replace_manifest(artifact: Path, manifest: Manifest, staging: Path) -> None:
    """Write it into staging, then rename it over the old one. Raises WorkerFailure; the old one stays then."""
    new = staging / MANIFEST_NAME
    text = manifest.model_dump_json(by_alias=True, indent=1) + "\n"
    with volume_errors(artifact, f"replace {artifact / MANIFEST_NAME}"):
        file = create(new)
        try:
            write_all(file, text.encode())
            set_mode(file, FILE_MODE)
            os.fsync(file)
        finally:
            os.close(file)
        _put(new, artifact)
        sync(artifact)


def _put(new: Path, artifact: Path) -> None:
    try:
        os.replace(new, artifact / MANIFEST_NAME)
    except OSError as error:
        if error.errno not in CANNOT_RENAME:
            raise
        # Between the two it is at least known whose folder this is: a worker that comes then makes it anew.
        copy_file(new, artifact / MOVING)
        copy_file(new, artifact / MANIFEST_NAME)
        os.unlink(artifact / MOVING)
