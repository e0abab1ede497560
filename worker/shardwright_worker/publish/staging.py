"""The folder of one attempt: locked by its owner, removed by whoever comes after a dead one."""

import contextlib
import errno
import fcntl
import os
import shutil
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import STAGING_FOLDER, is_key, staging_name
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.volume_errors import volume_errors

FOLDER_MODE = 0o755  # a server with another user id must be able to read
OWNER = ".owner"  # beside the folders: <name>.owner, locked while the attempt lives
_PATIENCE = 20  # times that a lock is tried


class Staging:
    """`<output>/.staging/<key>.<attempt>/`, empty, ours alone while the context lasts. Removed at its end.

    An attempt without a name is named by host and process.
    """

    def __init__(self, output: Path, key: str, attempt: str) -> None:
        self._root = output / STAGING_FOLDER
        self._key = key
        self.path = self._root / staging_name(key, attempt or f"{socket.gethostname()}-{os.getpid()}")
        self._lock = -1

    def __enter__(self) -> Self:
        with volume_errors(self._root, f"make a folder in {self._root}"):
            self._root.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):
                os.chmod(self._root, FOLDER_MODE)
            self._lock = self._acquire()
            self._clear_dead()
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir()
            with contextlib.suppress(OSError):
                os.chmod(self.path, FOLDER_MODE)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(self._owner_file(self.path.name))
        os.close(self._lock)
        with contextlib.suppress(OSError):
            self._root.rmdir()

    def _owner_file(self, name: str) -> Path:
        return self._root / f"{name}{OWNER}"

    def _acquire(self) -> int:
        """The owner's file, locked. Who looks for dead attempts may hold it, or remove it, for a moment."""
        path = self._owner_file(self.path.name)
        for _ in range(_PATIENCE):
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    return file  # a volume without locks
            else:
                if os.fstat(file).st_nlink:
                    return file
            os.close(file)
            time.sleep(0.05)
        message = f"{self.path} belongs to a worker that runs; give this one another --attempt"
        raise WorkerFailure(Reason.WORKER_PROTOCOL_ERROR, message)

    def _clear_dead(self) -> None:
        """Remove what killed attempts left, of any key: nobody holds their lock."""
        names = {path.name.removesuffix(OWNER) for path in self._root.iterdir()} - {self.path.name}
        for name in names:
            if is_key(name.partition(".")[0]) and self._is_dead(name):
                shutil.rmtree(self._root / name, ignore_errors=True)
                with contextlib.suppress(OSError):
                    os.unlink(self._owner_file(name))

    def _is_dead(self, name: str) -> bool:
        try:
            file = os.open(self._owner_file(name), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(file)
        return True
