"""Lists the files of a source folder, and checks that those vLLM reads can be opened."""

import os
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.regular_file import open_regular
from shardwright_worker.source.modules_json import module_folders
from shardwright_worker.source.selection import is_weights, select_files
from shardwright_worker.source.source_errors import source_read_failure
from shardwright_worker.source.walk import TooManyFilesError, walk_source

_READ_BY_VLLM = ("*.json", "*.model", "*.tiktoken", "*.txt", "*.py", "*.jinja", "tokenizer*", "vocab*")


class SourceFile(NamedTuple):
    """A file of a source: its name relative to the folder, its size in bytes, mtime and ctime in nanoseconds."""

    name: str
    size: int
    mtime_ns: int = 0
    ctime_ns: int = 0


class Listing(NamedTuple):
    """A source folder: its selected files, and the names of all files that are there."""

    folder: Path
    files: list[SourceFile]
    all_names: list[str]

    @property
    def bytes(self) -> int:
        """Size of all selected files."""
        return sum(file.size for file in self.files)

    def has(self, name: str) -> bool:
        """Return whether the file is selected."""
        return any(file.name == name for file in self.files)


def list_source(folder: Path, extra_args: Mapping[str, str]) -> Listing:
    """Return the folder's files; those that vLLM never reads may be unreadable or of any kind.

    Raises:
        WorkerFailure: SourceNotFound; or a reason for a file that vLLM reads and that is not readable.
    """
    try:
        is_folder = folder.is_dir()
    except OSError as error:
        raise source_read_failure(f"source {folder}", folder, error) from None
    if not is_folder:
        raise WorkerFailure(Reason.SOURCE_NOT_FOUND, _no_folder(folder))
    modules = module_folders(folder)
    all_names = _names(folder, modules)
    if MANIFEST_NAME in all_names:
        raise WorkerFailure(
            Reason.UNSUPPORTED_MODEL,
            f"{folder} is an artifact already (it holds {MANIFEST_NAME}): serve it, or set the source to "
            "the model that it was made from",
        )
    found = (_stat_file(folder, name, modules) for name in all_names)
    files = {file.name: file for file in found if file}
    selected = select_files(files, extra_args, {file.name: file.size for file in files.values()})
    return Listing(folder, [files[name] for name in selected], all_names)


def _names(folder: Path, modules: Collection[str]) -> list[str]:
    try:
        return walk_source(folder, modules)
    except TooManyFilesError as error:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, str(error)) from None
    except OSError as error:
        place = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else folder
        raise source_read_failure(f"folder {place}", place, error) from None


def _stat_file(folder: Path, name: str, modules: Collection[str]) -> SourceFile | None:
    """Return the file's size and times, or None if it cannot be read and vLLM does not need it."""
    needed = _is_needed(name, modules) and bool(select_files([name], {}))
    try:
        name.encode()
        with open_regular(folder / name) as file:  # only opening shows whether access is allowed
            state = os.fstat(file.fileno())
    except UnicodeEncodeError:
        if not needed:
            return None
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"the name of file {name!r} is not UTF-8: rename it") from None
    except (OSError, ValueError) as error:
        failure = source_read_failure(name, folder / name, error)
        if needed or failure.reason == Reason.VOLUME_UNAVAILABLE:
            raise failure from None
        return None
    return SourceFile(name, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def _is_needed(name: str, modules: Collection[str]) -> bool:
    """Return whether vLLM may read the file: known names at the top of the folder, and in those of modules.json."""
    path = PurePosixPath(name)
    if len(path.parts) > 1 and not any(path.is_relative_to(module) for module in modules):
        return False
    return is_weights(name) or any(fnmatchcase(path.name, pattern) for pattern in _READ_BY_VLLM)


def _no_folder(folder: Path) -> str:
    if folder.exists():
        return f"source {folder} is a file: set the source to the folder that holds config.json and the weights"
    if not folder.is_absolute() and len(folder.parts) == 2:
        return (
            f"source {folder} is not a local folder; if it is a repository of the Hub, download it first with "
            f"`shardwright-worker prepare --repo {folder}`"
        )
    near = next((parent for parent in folder.parents if os.path.isdir(parent)), None)
    try:
        names = sorted(os.listdir(near))[:10] if near else []
    except OSError:
        names = []
    return f"source {folder} does not exist" + (f"; {near} holds {', '.join(names) or 'nothing'}" if near else "")
