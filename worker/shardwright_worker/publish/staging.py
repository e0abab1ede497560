"""The folder of one attempt: owned while its worker lives, removed by whoever comes after a dead one."""

import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from shardwright_worker.artifact.final_name import refuse_strange
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import STAGING_FOLDER, is_key, staging_name
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.file_modes import FOLDER_MODE, set_mode
from shardwright_worker.files.ownership import Answer, Ownership, bury
from shardwright_worker.files.volume_errors import reading, volume_errors
from shardwright_worker.files.volume_paths import refuse_links, remove_tree
from shardwright_worker.prepare.disk_space import make_folders

OWNER = ".owner"  # beside the folders: <name>.owner, the worker's while the attempt lives
_TRIES = 50
_NAMES = 9
Result = TypeVar("Result")


class Staging:
    """`<output>/.staging/<key>.<attempt>/`, empty, ours alone while the context lasts. Removed at its end.

    Refused at once if what has the artifact's final name must stay: nothing that is made could be published.
    An attempt without a name is named by host and process. `path` is known for good inside of the context.
    """

    def __init__(self, output: Path, key: str, attempt: str, volume_root: Path | None = None) -> None:
        self._output, self._volume_root = output, volume_root or output
        self._root = output / STAGING_FOLDER
        self._key = key
        self.path = self._root / staging_name(key, attempt or f"{socket.gethostname()}-{os.getpid()}")
        self._ownership: Ownership | None = None

    def __enter__(self) -> Self:
        refuse_links(self._volume_root, self._root)
        refuse_strange(self._output / self._key, self._key)
        with volume_errors(self._root, f"make a folder in {self._root}"):
            owned = in_shared_folder(self._root, self._acquire)
            try:
                self._clear_dead(owned.now())
                remove_tree(self.path)
                self.path.mkdir()
                set_mode(self.path, FOLDER_MODE)
            except BaseException:
                owned.release()
                raise
        self._ownership = owned
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError):  # what stays goes with the next look for what dead workers left
            remove_tree(self.path)
        if self._ownership:
            self._ownership.release()
        with contextlib.suppress(OSError):
            self._root.rmdir()

    def _acquire(self) -> Ownership:
        """The attempt's owner file. Who may live on another node keeps its folder, and ours gets another name."""
        first = self.path.name
        for number in range(1, _NAMES + 1):
            name = first if number == 1 else f"{first}-{number}"
            ownership = Ownership(self._root / f"{name}{OWNER}")
            answer = ownership.acquire()
            if answer == Answer.OURS:
                self.path = self._root / name
                return ownership
            if answer == Answer.THEIRS:
                break
        message = f"{self._root / first} belongs to a worker that runs; give this one another --attempt"
        raise WorkerFailure(Reason.WORKER_PROTOCOL_ERROR, message)

    def _clear_dead(self, now: float) -> None:
        """Remove what killed attempts left, of any key. What does not let itself be removed is left to others."""
        with reading(self._root):
            names = {name.removesuffix(OWNER) for name in os.listdir(self._root)} - {self.path.name}
        for name in names:
            if is_key(name.partition(".")[0]):
                with contextlib.suppress(OSError):
                    bury(self._root / f"{name}{OWNER}", now, partial(remove_tree, self._root / name))


def in_shared_folder(folder: Path, work: Callable[[], Result]) -> Result:
    """Do what needs a folder that every worker makes, and removes when it finds it empty: it may go in between."""
    for attempt in range(_TRIES):
        try:
            make_folders(folder)
            return work()
        except FileNotFoundError:
            if attempt + 1 == _TRIES:
                raise
            time.sleep(0.01)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
