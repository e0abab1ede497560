"""Lists the files of a source folder that count."""

import os
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.regular_file import open_regular
from shardwright_worker.source.modules import module_folders
from shardwright_worker.source.read_errors import unreadable
from shardwright_worker.source.selection import is_weights, wanted
from shardwright_worker.source.walk import TooManyFiles, walk

_READ_BY_VLLM = ("*.json", "*.model", "*.tiktoken", "*.txt", "*.py", "*.jinja", "tokenizer*", "vocab*")


class SourceFile(NamedTuple):
    """A file of a source: its name relative to the folder, its size in bytes, and when it and its inode changed."""

    name: str
    size: int
    mtime_ns: int = 0
    ctime_ns: int = 0


class Listing(NamedTuple):
    """A source folder: its files that count, and the names of all that are there."""

    folder: Path
    files: list[SourceFile]
    everything: list[str]

    @property
    def bytes(self) -> int:
        """Size of all files that count."""
        return sum(file.size for file in self.files)

    def has(self, name: str) -> bool:
        """Whether the file is there and counts."""
        return any(file.name == name for file in self.files)


def list_source(folder: Path, extra_args: Mapping[str, str]) -> Listing:
    """The folder's files. What vLLM reads must be readable, and be files; what it never reads cannot stop anything."""
    try:
        is_folder = folder.is_dir()
    except OSError as error:
        raise unreadable(f"source {folder}", folder, error) from None
    if not is_folder:
        raise WorkerFailure(Reason.SOURCE_NOT_FOUND, _no_folder(folder))
    modules = module_folders(folder)
    everything = _names(folder, modules)
    if MANIFEST_NAME in everything:
        raise WorkerFailure(
            Reason.UNSUPPORTED_MODEL,
            f"{folder} is an artifact already (it holds {MANIFEST_NAME}): serve it, or name the model it was made from",
        )
    found = (_look(folder, name, modules) for name in everything)
    there = {file.name: file for file in found if file}
    counted = wanted(there, extra_args, {file.name: file.size for file in there.values()})
    return Listing(folder, [there[name] for name in counted], everything)


def _names(folder: Path, modules: Collection[str]) -> list[str]:
    try:
        return walk(folder, modules).names
    except TooManyFiles as error:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, str(error)) from None
    except OSError as error:
        place = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else folder
        raise unreadable(f"folder {place}", place, error) from None


def _look(folder: Path, name: str, modules: Collection[str]) -> SourceFile | None:
    """The file's size and times; None if it is none that can be read, and nothing needs it."""
    needed = _is_needed(name, modules) and bool(wanted([name], {}))
    try:
        name.encode()
        with open_regular(folder / name) as file:  # whether it may be read, only opening it tells for sure
            state = os.fstat(file.fileno())
    except UnicodeEncodeError:
        if not needed:
            return None
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"the name of file {name!r} is not UTF-8: rename it") from None
    except (OSError, ValueError) as error:
        failure = unreadable(name, folder / name, error)
        if needed or failure.reason == Reason.VOLUME_UNAVAILABLE:
            raise failure from None
        return None
    return SourceFile(name, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def _is_needed(name: str, modules: Collection[str]) -> bool:
    """Whether vLLM may read the file: what it knows at the top of the folder, and the folders of modules.json."""
    path = PurePosixPath(name)
    if len(path.parts) > 1 and not any(path.is_relative_to(module) for module in modules):
        return False
    return is_weights(name) or any(fnmatchcase(path.name, pattern) for pattern in _READ_BY_VLLM)


def _no_folder(folder: Path) -> str:
    if folder.exists():
        return f"source {folder} is a file: name the folder that holds config.json and the weights"
    if not folder.is_absolute() and len(folder.parts) == 2:
        return (
            f"source {folder} is no local directory; if it is a repository of a hub, fetch it first with "
            f"`shardwright-worker prepare --repo {folder}`"
        )
    near = next((parent for parent in folder.parents if os.path.isdir(parent)), None)
    try:
        there = sorted(os.listdir(near))[:10] if near else []
    except OSError:
        there = []
    return f"source {folder} does not exist" + (f"; {near} holds {', '.join(there) or 'nothing'}" if near else "")
