"""Lists the files of a source folder that count."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.selection import wanted


class SourceFile(NamedTuple):
    """A file of a source: its name relative to the folder, and its size in bytes."""

    name: str
    size: int


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
    """The folder's files. SourceNotFound if there is no such folder, SourceIncomplete for links that lead nowhere."""
    if not folder.is_dir():
        raise WorkerFailure(Reason.SOURCE_NOT_FOUND, _no_folder(folder))
    everything = _walk(folder)
    if MANIFEST_NAME in everything:
        raise WorkerFailure(
            Reason.UNSUPPORTED_MODEL,
            f"{folder} is an artifact already (it holds {MANIFEST_NAME}): serve it, or name the model it was made from",
        )
    files = []
    for name in wanted(everything, extra_args):
        try:
            name.encode()
            state = (folder / name).stat()
        except UnicodeEncodeError:
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"the name of file {name!r} is not UTF-8: rename it") from None
        except PermissionError:
            raise WorkerFailure(
                Reason.SOURCE_NOT_FOUND, f"{folder / name} may not be read by user {os.getuid()}, group {os.getgid()}"
            ) from None
        except OSError as error:
            what = f"a link to {os.readlink(folder / name)}" if (folder / name).is_symlink() else str(error.strerror)
            raise WorkerFailure(Reason.SOURCE_INCOMPLETE, f"{name} cannot be opened: {what}") from None
        if not stat.S_ISREG(state.st_mode):
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} is no regular file")
        files.append(SourceFile(name, state.st_size))
    return Listing(folder, files, everything)


def _walk(folder: Path) -> list[str]:
    def refuse(error: OSError) -> None:
        raise WorkerFailure(
            Reason.SOURCE_NOT_FOUND,
            f"folder {error.filename} cannot be read by user {os.getuid()}, group {os.getgid()}: {error.strerror}",
        )

    names = []
    for where, folders, files in os.walk(folder, onerror=refuse):
        inside = Path(where).relative_to(folder)
        if inside.parts and MANIFEST_NAME in files:
            folders.clear()  # an artifact that was published below its own source
            continue
        folders[:] = [each for each in folders if not each.startswith(".")]
        names += [(inside / name).as_posix() for name in files if not name.startswith(".")]
    return sorted(names)


def _no_folder(folder: Path) -> str:
    if folder.exists():
        return f"source {folder} is a file: name the folder that holds config.json and the weights"
    if not folder.is_absolute() and len(folder.parts) == 2:
        return (
            f"source {folder} is no local directory; if it is a repository of a hub, fetch it first with "
            f"`shardwright-worker prepare --repo {folder}`"
        )
    near = next((parent for parent in folder.parents if parent.is_dir()), None)
    try:
        there = sorted(os.listdir(near))[:10] if near else []
    except OSError:
        there = []
    return f"source {folder} does not exist" + (f"; {near} holds {', '.join(there) or 'nothing'}" if near else "")
