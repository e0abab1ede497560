"""Lock files on volumes: one process owns each, and what a dead owner left can be taken over or removed."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from shardwright_worker.files.lock_state import LockState, owner_state, read_owner, read_owner_at, try_flock
from shardwright_worker.files.process_identity import ProcessIdentity, this_process
from shardwright_worker.files.volume_errors import NOT_FOUND

HEARTBEAT_PERIOD = 20.0  # seconds between two heartbeats, which are new modification times
_TRIES = 20
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LockFile:
    """A file that this process owns while it runs: flock-ed where the volume has locks, and touched all the time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._owner = this_process()
        self._released = threading.Event()

    def acquire(self) -> LockState:
        """Try to own the file, for about a second at most.

        Another worker that checks for dead owners may hold or remove the file for a moment, hence the retries.

        Raises:
            OSError: the file cannot be created, read or written.
        """
        state = LockState.HELD
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(0.05)
            state = self._try()
            if state == LockState.ACQUIRED:
                threading.Thread(target=self._send_heartbeats, name="heartbeat", daemon=True).start()
                break
        return state

    def release(self) -> None:
        """Remove the file, unless another process owns it by now."""
        self._released.set()
        with contextlib.suppress(OSError):
            if read_owner_at(self._path) == self._owner:
                os.unlink(self._path)
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def volume_time(self) -> float:
        """Return the time in seconds since the epoch by the volume's clock, which may differ from the node's."""
        self._touch()
        return os.fstat(self._file).st_mtime

    def _try(self) -> LockState:
        file, new = _open(self._path)
        if file < 0:
            return LockState.HELD
        try:
            locked = try_flock(file)
            if locked is False:
                return LockState.HELD
            if not new and (state := owner_state(file, locked, time.time())) != LockState.ACQUIRED:
                return state
            if not new and locked is None:  # without locks only the creation of a file is exclusive
                self._remove_dead(read_owner(file))
                return LockState.HELD
            os.ftruncate(file, 0)
            os.pwrite(file, self._owner.model_dump_json().encode(), 0)
            if read_owner_at(self._path) != self._owner:
                return LockState.HELD
            self._file, file = file, -1
            return LockState.ACQUIRED
        finally:
            if file >= 0:
                os.close(file)

    def _remove_dead(self, dead: ProcessIdentity | None) -> None:
        """Remove the file of a dead owner; another worker may have done so already and own the file that is there."""
        aside = self._path.with_name(f"{self._path.stem}.{self._owner.token}{self._path.suffix}")
        try:
            os.rename(self._path, aside)
        except OSError:
            os.unlink(self._path)
            return
        if read_owner_at(aside) != dead:
            os.rename(aside, self._path)
        else:
            os.unlink(aside)

    def _send_heartbeats(self) -> None:
        while not self._released.wait(HEARTBEAT_PERIOD):
            with contextlib.suppress(OSError):  # the next one may succeed
                self._touch()

    def _touch(self) -> None:
        try:
            os.utime(self._file)
        except OSError:
            os.pwrite(self._file, self._owner.model_dump_json().encode(), 0)


@contextlib.contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Run the block in one worker at a time; the others wait until it is done or its process is dead.

    Raises:
        OSError: the lock file cannot be created, read or written.
    """
    lock = LockFile(path)
    while lock.acquire() != LockState.ACQUIRED:
        time.sleep(0.5)
    try:
        yield
    finally:
        lock.release()


def remove_abandoned(path: Path, now: float, removal: Callable[[], None]) -> None:
    """Call `removal` and remove the lock file if its owner is dead, or if there is no lock file.

    An owner whose state is unknown counts as running. The file stays locked meanwhile, so that a worker that wants to
    take it over at this moment has to wait. `now` is the volume's time.

    Raises:
        OSError: an error of `removal` or of the volume.
    """
    try:
        file = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno in NOT_FOUND:
            removal()
        return
    try:
        locked = try_flock(file)
        if locked is not False and owner_state(file, locked, now) == LockState.ACQUIRED:
            removal()
            path.unlink(missing_ok=True)
    finally:
        os.close(file)


def _open(path: Path) -> tuple[int, bool]:
    """Return a descriptor of the file, or -1 if its owner removed it just now, and whether this call created it."""
    with contextlib.suppress(FileExistsError):
        return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o644), True
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, _FLAGS), False
    return -1, False
