"""Says which worker a file on the volume belongs to and whether that one lives, with or without locks on the volume."""

import contextlib
import errno
import fcntl
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path

from pydantic import ValidationError

from shardwright_worker.contract.bounded_types import Wire
from shardwright_worker.files.volume_errors import GONE

PERIOD = 20.0  # seconds between two signs of life
SILENCE = 300.0  # after so many without one, an owner that cannot be looked at counts as dead
_TRIES = 20
_LIMIT = 4096  # bytes of a record
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.EBADF)


class Answer(Enum):
    """What came of asking for a file."""

    OURS = 1
    THEIRS = 2  # its owner lives
    UNKNOWN = 3  # its owner is elsewhere and may live


class _Owner(Wire):
    """A process: kernel since its start, process namespace, number, and when it started. `token` is of this run."""

    token: str = ""
    boot: str = ""
    space: str = ""
    pid: int = 0
    started: str = ""


class Ownership:
    """One file that is ours while we live: locked where the volume can, and touched all the time where it cannot.

    A lock alone proves little: some volumes have none, and on some network volumes it ends at the node.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._owner = _Owner(
            token=uuid.uuid4().hex, boot=_boot(), space=_space(), pid=os.getpid(), started=_started(os.getpid())
        )
        self._ended = threading.Event()

    def acquire(self) -> Answer:
        """Ask for it. Who looks for dead owners may hold or remove the file for a moment: that is tried again."""
        answer = Answer.THEIRS
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(0.05)
            answer = self._try()
            if answer == Answer.OURS:
                threading.Thread(target=self._live, name="owner", daemon=True).start()
                break
        return answer

    def release(self) -> None:
        """Give it up; the file goes."""
        self._ended.set()
        with contextlib.suppress(OSError):
            if _read_at(self._path) == self._owner:
                os.unlink(self._path)
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def now(self) -> float:
        """The time by the volume's clock, which may differ from this machine's."""
        self._touch()
        return os.fstat(self._file).st_mtime

    def _try(self) -> Answer:
        file, new = _open(self._path)
        try:
            locked = _lock(file)
            if locked is False:
                return Answer.THEIRS
            if not new and (judged := _judge(file, locked, time.time())) != Answer.OURS:
                return judged
            if not new and locked is None:  # without locks the file is whose it was when it was made
                self._take_away(_read(file))
                return Answer.THEIRS
            os.ftruncate(file, 0)
            os.pwrite(file, self._owner.model_dump_json().encode(), 0)
            if _read_at(self._path) != self._owner:
                return Answer.THEIRS
            self._file, file = file, -1
            return Answer.OURS
        finally:
            if file >= 0:
                os.close(file)

    def _take_away(self, dead: _Owner | None) -> None:
        """Make room for a file of ours. Another worker may have done so, and the file may be its own by now."""
        aside = self._path.with_name(f"{self._path.stem}.{self._owner.token}{self._path.suffix}")
        try:
            os.rename(self._path, aside)
        except OSError:
            os.unlink(self._path)
            return
        if _read_at(aside) != dead:
            os.rename(aside, self._path)
        else:
            os.unlink(aside)

    def _live(self) -> None:
        while not self._ended.wait(PERIOD):
            with contextlib.suppress(OSError):  # the next sign may get through
                self._touch()

    def _touch(self) -> None:
        try:
            os.utime(self._file)
        except OSError:
            os.pwrite(self._file, self._owner.model_dump_json().encode(), 0)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Only one worker at a time is inside; the others wait until it is through or dead."""
    ownership = Ownership(path)
    while ownership.acquire() != Answer.OURS:
        time.sleep(0.5)
    try:
        yield
    finally:
        ownership.release()


def bury(path: Path, now: float, removal: Callable[[], None]) -> None:
    """Remove what a dead owner left, and the file that names it. Who cannot be asked lives; without a file nobody does.

    The file stays locked meanwhile: a worker that begins to live at this moment notices.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in GONE:
            removal()
        return
    try:
        locked = _lock(file)
        if locked is not False and _judge(file, locked, now) == Answer.OURS:
            removal()
            path.unlink(missing_ok=True)
    finally:
        os.close(file)


def _judge(file: int, locked: bool | None, now: float) -> Answer:
    """Whether a file can be taken over: OURS if its owner is dead."""
    owner = _read(file)
    same_kernel = owner is not None and bool(owner.boot) and owner.boot == _boot()
    if locked and (owner is None or same_kernel):
        return Answer.OURS  # within one kernel the lock tells
    if owner is not None and same_kernel and owner.space and owner.space == _space():
        return Answer.THEIRS if owner.started and _started(owner.pid) == owner.started else Answer.OURS
    return Answer.UNKNOWN if now - os.fstat(file).st_mtime < SILENCE else Answer.OURS


def _open(path: Path) -> tuple[int, bool]:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with contextlib.suppress(FileExistsError):
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644), True
    return os.open(path, flags | os.O_CREAT, 0o644), False


def _lock(file: int) -> bool | None:
    """Whether it is locked now; None on a volume without locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _read(file: int) -> _Owner | None:
    try:
        return _Owner.model_validate_json(os.pread(file, _LIMIT, 0))
    except ValidationError:
        return None


def _read_at(path: Path) -> _Owner | None:
    """What the path leads to now: a file that was removed meanwhile is nobody's."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in GONE:
            return None
        raise
    try:
        return _read(file)
    finally:
        os.close(file)


def _boot() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _space() -> str:
    with contextlib.suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; empty if there is none, or only what is left of one."""
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""
