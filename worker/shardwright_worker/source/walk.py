"""Walks a source folder: everything at its top, and of the folders below those that can be part of a model."""

import contextlib
import itertools
import os
from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.files.volume_errors import is_no_answer
from shardwright_worker.source.selection import folder_counts

_MOST_FILES = 2000  # in a folder below the model's; one with more is data of something else
_DEEPEST = 8
_MOST_AT_THE_TOP = 200_000


class Found(NamedTuple):
    """What lies in a source: names relative to its folder, and which folders were left out, with the reason."""

    names: list[str]
    left_out: dict[str, str]


class TooManyFiles(Exception):  # noqa: N818 - it is a finding, not a failure
    """The folder holds more files than any model has."""


def walk(folder: Path, required: Collection[str] = ()) -> Found:
    """All names that can count. OSError if the folder itself, or a required one below it, cannot be listed."""
    names: list[str] = []
    left_out: dict[str, str] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if not _is_folder(entry):
                names.append(entry.name)
            elif folder_counts(entry.name) and (_needed(entry.name, required) or not entry.is_symlink()):
                _descend(folder, entry.name, required, names, left_out)
            if len(names) > _MOST_AT_THE_TOP:
                raise TooManyFiles(f"{folder} holds more than {_MOST_AT_THE_TOP} files: name the model's own folder")
    return Found(sorted(name for name in names if not name.startswith(".")), left_out)


def _descend(folder: Path, name: str, required: Collection[str], names: list[str], left_out: dict[str, str]) -> None:
    inside: list[str] = []
    try:
        _collect(folder, name, 1, inside)
    except TooManyFiles as error:
        left_out[name] = str(error)
    except OSError as error:
        if _needed(name, required) or is_no_answer(error):
            raise
        left_out[name] = f"it cannot be read: {error.strerror}"
    else:
        names += inside


def _collect(folder: Path, below: str, depth: int, inside: list[str]) -> None:
    """The files of a folder below, unless it is an artifact that was published there."""
    if depth > _DEEPEST:
        raise TooManyFiles(f"it is deeper than {_DEEPEST} folders")
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(folder / below) as entries:
        for entry in entries:
            name = f"{below}/{entry.name}"
            if _is_folder(entry):
                folders += [name] if folder_counts(entry.name) and not entry.is_symlink() else []
            elif not entry.name.startswith("."):
                files.append(name)
            if len(inside) + len(files) + len(folders) > _MOST_FILES:
                raise TooManyFiles(f"it holds more than {_MOST_FILES} files")
    if f"{below}/{MANIFEST_NAME}" in files:
        return
    inside += files
    for name in sorted(folders):
        _collect(folder, name, depth + 1, inside)


def first_below(folder: Path, pattern: str) -> str:
    """A file of that name in one of the folders below, whether it counts or not; empty if none is to be seen."""
    with os.scandir(folder) as entries:
        below = sorted(entry.name for entry in entries if _is_folder(entry))
    for name in below[:_MOST_FILES]:
        with contextlib.suppress(OSError), os.scandir(folder / name) as entries:
            for entry in itertools.islice(entries, _MOST_FILES):
                if fnmatchcase(entry.name, pattern):
                    return f"{name}/{entry.name}"
    return ""


def _needed(name: str, required: Collection[str]) -> bool:
    return any(each == name or each.startswith(name + "/") for each in required)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Links to folders are folders too; they are followed only where they are needed, for they may lead in circles."""
    try:
        return entry.is_dir()
    except OSError:
        return False
