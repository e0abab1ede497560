"""The folder of one attempt: locked by its owner, removed by whoever comes after a dead one."""

import contextlib
import errno
import fcntl
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import STAGING_FOLDER, staging_name
from shardwright_worker.contract.reasons import Reason

FOLDER_MODE = 0o755  # a server with another user id must be able to read
OWNER = ".owner"  # beside the folders: <name>.owner, locked while the attempt lives


class Staging:
    """`<output>/.staging/<key>.<attempt>/`, empty, ours alone while the context lasts. Removed at its end."""

    def __init__(self, output: Path, key: str, attempt: str) -> None:
        self._root = output / STAGING_FOLDER
        self._key = key
        self.path = self._root / staging_name(key, attempt)
        self._lock = -1

    def __enter__(self) -> Self:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):
                os.chmod(self._root, FOLDER_MODE)
            self._lock = self._acquire()
            self._clear_dead()
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir()
            with contextlib.suppress(OSError):
                os.chmod(self.path, FOLDER_MODE)
        except OSError as error:
            raise _refused(error, self._root) from error
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
        file = os.open(self._owner_file(self.path.name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                os.close(file)
                message = f"{self.path} belongs to a worker that runs; give this one another --attempt"
                raise WorkerFailure(Reason.WORKER_PROTOCOL_ERROR, message) from error
        return file

    def _clear_dead(self) -> None:
        """Remove what killed attempts left, of any key: nobody holds their lock."""
        for folder in self._root.iterdir():
            if folder.is_dir() and folder != self.path and self._is_dead(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
                with contextlib.suppress(OSError):
                    os.unlink(self._owner_file(folder.name))

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


def _refused(error: OSError, where: Path) -> WorkerFailure:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = Reason.INSUFFICIENT_SPACE if full else Reason.VOLUME_NOT_WRITABLE
    who = f"user {os.getuid()}, group {os.getgid()}"
    return WorkerFailure(reason, f"{where} cannot be written ({error.strerror}) by {who}", error_type="OSError")
