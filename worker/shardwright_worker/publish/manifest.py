"""Replaces the manifest of a published artifact in one step: a reader finds the old one or the new one, whole."""

import os
from pathlib import Path

from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.volume_errors import volume_errors

_MODE = 0o644  # a server with another user id must be able to read


def replace_manifest(artifact: Path, manifest: Manifest, staging: Path) -> None:
    """Write it into staging, then rename it over the old one. Raises WorkerFailure; the old one stays then."""
    new = staging / MANIFEST_NAME
    text = manifest.model_dump_json(by_alias=True, indent=1) + "\n"
    with volume_errors(artifact, f"replace {artifact / MANIFEST_NAME}"):
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _open_to_all(new)
        os.replace(new, artifact / MANIFEST_NAME)
        _sync_folder(artifact)


def _open_to_all(path: Path) -> None:
    try:
        os.chmod(path, _MODE)
    except OSError:
        pass  # a volume without modes


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # not every volume syncs folders
    finally:
        os.close(descriptor)
