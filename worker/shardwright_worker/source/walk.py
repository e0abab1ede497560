"""Walks a source folder: all files at its top, and those of subfolders that can be part of a model."""

import contextlib
import itertools
import os
from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path

from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.files.volume_errors import is_unavailable
from shardwright_worker.source.selection import may_hold_model_files

_MAX_FILES = 2000  # in a subfolder; one with more holds other data
_MAX_DEPTH = 8
_MAX_FILES_AT_THE_TOP = 200_000


class TooManyFilesError(Exception):
    """The folder holds more files than any model has."""


def walk_source(folder: Path, required: Collection[str] = ()) -> list[str]:
    """Return the sorted relative names of all files that can be part of the model.

    `required` are subfolders that must be readable; any other is left out if it cannot be read, or holds too many
    files to be part of a model.

    Raises:
        OSError: the folder itself or a required subfolder cannot be listed.
        TooManyFilesError: the folder has more files than any model.
    """
    names: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not _is_folder(entry):
                names.append(entry.name)
            elif may_hold_model_files(entry.name) and (_is_required(entry.name, required) or not entry.is_symlink()):
                names += _walk_subfolder(folder, entry.name, required)
            if len(names) > _MAX_FILES_AT_THE_TOP:
                raise TooManyFilesError(
                    f"{folder} holds more than {_MAX_FILES_AT_THE_TOP} files: set the source to the model's own folder"
                )
    return sorted(name for name in names if not name.startswith("."))


def _walk_subfolder(folder: Path, name: str, required: Collection[str]) -> list[str]:
    inside: list[str] = []
    try:
        _collect(folder, name, 1, inside)
    except TooManyFilesError:
        return []
    except OSError as error:
        if _is_required(name, required) or is_unavailable(error):
            raise
        return []
    return inside


def _collect(folder: Path, below: str, depth: int, inside: list[str]) -> None:
    """Add the files of a subfolder to `inside`, unless it is a published artifact."""
    if depth > _MAX_DEPTH:
        raise TooManyFilesError(f"it is deeper than {_MAX_DEPTH} folders")
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(folder / below) as entries:
        for entry in entries:
            name = f"{below}/{entry.name}"
            if _is_folder(entry):
                folders += [name] if may_hold_model_files(entry.name) and not entry.is_symlink() else []
            elif not entry.name.startswith("."):
                files.append(name)
            if len(inside) + len(files) + len(folders) > _MAX_FILES:
                raise TooManyFilesError(f"it holds more than {_MAX_FILES} files")
    if f"{below}/{MANIFEST_NAME}" in files:
        return
    inside += files
    for name in sorted(folders):
        _collect(folder, name, depth + 1, inside)


def find_in_subfolders(folder: Path, pattern: str) -> str:
    """Return a file that matches in one of the subfolders, selected or not, or an empty string."""
    with os.scandir(folder) as entries:
        below = sorted(entry.name for entry in entries if _is_folder(entry))
    for name in below[:_MAX_FILES]:
        with contextlib.suppress(OSError), os.scandir(folder / name) as entries:
            for entry in itertools.islice(entries, _MAX_FILES):
                if fnmatchcase(entry.name, pattern):
                    return f"{name}/{entry.name}"
    return ""


def _is_required(name: str, required: Collection[str]) -> bool:
    return any(each == name or each.startswith(name + "/") for each in required)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Return whether the entry is a folder or a link to one. Only required links are followed: they may form cycles."""
    try:
        return entry.is_dir()
    except OSError:
        return False
