"""Publishes a staged artifact file by file: for volumes that cannot rename folders, and for folders that must stay."""

import contextlib
import os
import stat
from pathlib import Path

from shardwright_worker.artifact.artifact_files import file_sizes
from shardwright_worker.artifact.find import find_damage
from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.artifact.target_state import MOVING_MANIFEST, moving_manifest
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.files.durable_files import fsync_path
from shardwright_worker.files.file_modes import FOLDER_MODE, set_mode
from shardwright_worker.files.nofollow import list_folder, lstat_if_exists, reject_symlinks
from shardwright_worker.files.rename import move_file


def move_files_into(target: Path, staged: Path) -> None:
    """Move the files of a staged artifact into its folder, the manifest under another name first and renamed last.

    Only a folder with a manifest is an artifact, so readers see either none or a complete one. A move that another
    worker did not finish is continued. Files in the target that belong to no damaged artifact stay.

    Raises:
        OSError: an error of the volume.
        WorkerFailure: the staged manifest is not valid, or the target is a link.
    """
    with contextlib.suppress(FileExistsError):
        target.mkdir()
        set_mode(target, FOLDER_MODE)
    reject_symlinks(target.parent, target)
    if lstat_if_exists(target / MANIFEST_NAME) is not None and not find_damage(target, target.name):
        return
    ours = read_manifest(staged)
    left = moving_manifest(target, target.name)
    if left is None or not _describes_same_bytes(left, ours):
        _discard_unfinished(target, left)
        move_file(staged / MANIFEST_NAME, target / MOVING_MANIFEST)
        fsync_path(target)
    if lstat_if_exists(target / MANIFEST_NAME) is not None:
        (target / MANIFEST_NAME).unlink()
        _discard_damaged(target)
    for name in file_sizes(ours):
        _make_folders(target, name)
        move_file(staged / name, target / name)
        fsync_path(target / name)
    for folder in {Path(name).parent for name in file_sizes(ours)}:
        fsync_path(target / folder)
    move_file(target / MOVING_MANIFEST, target / MANIFEST_NAME)
    fsync_path(target)
    (staged / MANIFEST_NAME).unlink(missing_ok=True)


def _describes_same_bytes(left: Manifest, ours: Manifest) -> bool:
    """Return whether another worker's manifest describes the same bytes and the same proof."""
    return (left.parts, left.metadata, left.engine, left.source, left.verification) == (
        ours.parts,
        ours.metadata,
        ours.engine,
        ours.source,
        ours.verification,
    )


def _discard_unfinished(target: Path, left: Manifest | None) -> None:
    """Remove the files of an unfinished move whose bytes differ, and its manifest last."""
    if left is not None and lstat_if_exists(target / MANIFEST_NAME) is None:
        for name in file_sizes(left):
            _make_folders(target, name)
            (target / name).unlink(missing_ok=True)
    (target / MOVING_MANIFEST).unlink(missing_ok=True)


def _discard_damaged(target: Path) -> None:
    """Remove all files of a damaged artifact, since vLLM would load those that are left; folders may be of others."""
    for name in list_folder(target):
        state = lstat_if_exists(target / name)
        if name != MOVING_MANIFEST and state is not None and not stat.S_ISDIR(state.st_mode):
            os.unlink(target / name)


def _make_folders(target: Path, name: str) -> None:
    folder = target
    for part in Path(name).parent.parts:
        folder = folder / part
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            set_mode(folder, FOLDER_MODE)
        reject_symlinks(target, folder)
