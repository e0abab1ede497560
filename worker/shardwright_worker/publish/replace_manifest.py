"""Replaces the manifest of a published artifact atomically: a reader sees the old one or the new one."""

import os
from pathlib import Path

from shardwright_worker.artifact.target_state import MOVING_MANIFEST
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.files.durable_files import copy_file, fsync_path, write_new_file
from shardwright_worker.files.rename import RENAME_UNSUPPORTED
from shardwright_worker.files.volume_errors import volume_errors


def replace_manifest(artifact: Path, manifest: Manifest, staging: Path) -> None:
    """Write the manifest into the staging folder, then rename it over the old one.

    Raises:
        WorkerFailure: a reason of the volume; the old manifest is still in place then.
    """
    new = staging / MANIFEST_NAME
    text = manifest.model_dump_json(by_alias=True, indent=1) + "\n"
    with volume_errors(artifact, f"replace {artifact / MANIFEST_NAME}"):
        write_new_file(new, text.encode())
        _replace(new, artifact)
        fsync_path(artifact)


def _replace(new: Path, artifact: Path) -> None:
    try:
        os.replace(new, artifact / MANIFEST_NAME)
    except OSError as error:
        if error.errno not in RENAME_UNSUPPORTED:
            raise
        # If the worker dies between the two copies, the first says that another one may publish here again.
        copy_file(new, artifact / MOVING_MANIFEST)
        copy_file(new, artifact / MANIFEST_NAME)
        os.unlink(artifact / MOVING_MANIFEST)
