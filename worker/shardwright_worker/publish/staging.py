"""The staging folder of one attempt: owned while its worker runs, removed by any later worker if that one died."""

import contextlib
import os
import socket
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from shardwright_worker.artifact.target_state import reject_foreign
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import STAGING_FOLDER, is_key, staging_name
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.file_modes import FOLDER_MODE, set_mode
from shardwright_worker.files.folders import with_shared_folder
from shardwright_worker.files.lock_file import LockFile, remove_abandoned
from shardwright_worker.files.lock_state import LockState
from shardwright_worker.files.nofollow import reject_symlinks, remove_tree
from shardwright_worker.files.volume_errors import volume_errors, volume_read_errors

OWNER_SUFFIX = ".owner"  # of the lock file beside the folder, held while the attempt runs
_MAX_NAMES = 9


class Staging:
    """The empty folder `<output>/.staging/<key>.<attempt>/` for this process alone, removed at the end of the context.

    An attempt without a name is named by host and process. `path` is final inside of the context: the folder gets a
    number if its name belongs to a worker on another node whose state is unknown.
    """

    def __init__(self, output: Path, key: str, attempt: str, volume_root: Path | None = None) -> None:
        self._output, self._volume_root = output, volume_root or output
        self._root = output / STAGING_FOLDER
        self._key = key
        self.path = self._root / staging_name(key, attempt or f"{socket.gethostname()}-{os.getpid()}")
        self._lock: LockFile | None = None

    def __enter__(self) -> Self:
        """Create the folder.

        Raises:
            WorkerFailure: ArtifactDamaged if the artifact's name is taken, so that nothing could be published;
                WorkerProtocolError if the attempt runs already; a reason of the volume.
        """
        reject_symlinks(self._volume_root, self._root)
        reject_foreign(self._output / self._key, self._key)
        with volume_errors(self._root, f"create a folder in {self._root}"):
            lock = with_shared_folder(self._root, self._acquire)
            try:
                self._remove_abandoned(lock.volume_time())
                remove_tree(self.path)
                self.path.mkdir()
                set_mode(self.path, FOLDER_MODE)
            except BaseException:
                lock.release()
                raise
        self._lock = lock
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError):  # the next worker removes what is left
            remove_tree(self.path)
        if self._lock:
            self._lock.release()
        with contextlib.suppress(OSError):
            self._root.rmdir()

    def _acquire(self) -> LockFile:
        """Acquire the attempt's lock file, under a numbered name if the state of its owner is unknown."""
        first = self.path.name
        for number in range(1, _MAX_NAMES + 1):
            name = first if number == 1 else f"{first}-{number}"
            lock = LockFile(self._root / f"{name}{OWNER_SUFFIX}")
            state = lock.acquire()
            if state == LockState.ACQUIRED:
                self.path = self._root / name
                return lock
            if state == LockState.HELD:
                break
        message = f"{self._root / first} belongs to a worker that is running: set another --attempt"
        raise WorkerFailure(Reason.WORKER_PROTOCOL_ERROR, message)

    def _remove_abandoned(self, now: float) -> None:
        """Remove what killed attempts of any key left, as far as that is possible."""
        with volume_read_errors(self._root):
            names = {name.removesuffix(OWNER_SUFFIX) for name in os.listdir(self._root)} - {self.path.name}
        for name in names:
            if is_key(name.partition(".")[0]):
                with contextlib.suppress(OSError):
                    remove_abandoned(self._root / f"{name}{OWNER_SUFFIX}", now, partial(remove_tree, self._root / name))
