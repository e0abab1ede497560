"""Moves a staged artifact into its folder file by file, for volumes that cannot rename folders, and taken folders."""

import contextlib
import os
import stat
from pathlib import Path

from shardwright_worker.artifact.final_name import MOVING, moving_manifest
from shardwright_worker.artifact.find import damage_of, file_sizes, read_manifest
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.files.file_modes import FOLDER_MODE, set_mode
from shardwright_worker.files.move import move_file, sync
from shardwright_worker.files.volume_paths import entries, look, refuse_links


def move_into(target: Path, source: Path) -> None:
    """The manifest comes first under another name, and gets its own last: that alone makes an artifact of a folder.

    Goes on where a worker that died stopped. What is in the target already and no part of a broken artifact stays.
    """
    with contextlib.suppress(FileExistsError):
        target.mkdir()
        set_mode(target, FOLDER_MODE)
    refuse_links(target.parent, target)
    if look(target / MANIFEST_NAME) is not None and not damage_of(target, target.name):
        return
    ours = read_manifest(source)
    left = moving_manifest(target, target.name)
    if left is None or not _is_same(left, ours):
        _discard_left(target, left)
        move_file(source / MANIFEST_NAME, target / MOVING)
        sync(target)
    if look(target / MANIFEST_NAME) is not None:
        (target / MANIFEST_NAME).unlink()
        _discard_broken(target)
    for name in file_sizes(ours):
        _make_folders(target, name)
        move_file(source / name, target / name)
        sync(target / name)
    for folder in {Path(name).parent for name in file_sizes(ours)}:
        sync(target / folder)
    move_file(target / MOVING, target / MANIFEST_NAME)
    sync(target)
    (source / MANIFEST_NAME).unlink(missing_ok=True)


def _is_same(left: Manifest, ours: Manifest) -> bool:
    """Whether another worker's manifest describes the bytes and the proof that ours does."""
    return (left.parts, left.metadata, left.engine, left.source, left.verification) == (
        ours.parts,
        ours.metadata,
        ours.engine,
        ours.source,
        ours.verification,
    )


def _discard_left(target: Path, left: Manifest | None) -> None:
    """Files that a dead worker moved, whose bytes are not those of ours; their manifest goes last."""
    if left is not None and look(target / MANIFEST_NAME) is None:
        for name in file_sizes(left):
            _make_folders(target, name)
            (target / name).unlink(missing_ok=True)
    (target / MOVING).unlink(missing_ok=True)


def _discard_broken(target: Path) -> None:
    """All files of a broken artifact: vLLM would load one that is left beside ours. Folders in it may be others'."""
    for name in entries(target):
        state = look(target / name)
        if name != MOVING and state is not None and not stat.S_ISDIR(state.st_mode):
            os.unlink(target / name)


def _make_folders(target: Path, name: str) -> None:
    folder = target
    for part in Path(name).parent.parts:
        folder = folder / part
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            set_mode(folder, FOLDER_MODE)
        refuse_links(target, folder)
