"""How a worker ends: at once when it is told to, and always with a report as its last word."""

import contextlib
import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import Report
from shardwright_worker.contract.text import clean_lines
from shardwright_worker.reporting.redaction import redact

GRACE = 3.5  # seconds for an orderly stop; then the process ends wherever it is
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Errors that mean the same whatever was done.
_OF_VOLUMES = {
    errno.ENOSPC: Reason.INSUFFICIENT_SPACE,
    errno.EDQUOT: Reason.INSUFFICIENT_SPACE,
    errno.EIO: Reason.VOLUME_UNAVAILABLE,
    errno.ESTALE: Reason.VOLUME_UNAVAILABLE,
    errno.EROFS: Reason.VOLUME_NOT_WRITABLE,
}


class Told(BaseException):
    """The process was told to stop. No Exception, so that nothing on the way takes it for a failure of its own."""


@contextlib.contextmanager
def stopping(at_once: Callable[[], None], last_word: Callable[[], None]) -> Iterator[None]:
    """SIGTERM or SIGINT do `at_once` and raise Told; a process that then does not end says its last word and leaves."""
    told, ended = threading.Event(), threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if not told.is_set():
            told.set()
            at_once()
            raise Told

    def guard() -> None:
        told.wait()
        if not ended.wait(GRACE):
            last_word()
            os._exit(exit_code(Reason.DISRUPTED))

    threading.Thread(target=guard, name="guard", daemon=True).start()
    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        ended.set()
        told.set()


def leave(code: int) -> NoReturn:
    """End the process now. Threads may wait for a network that is silent; the report must stay the last word."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def exit_code(reason: Reason) -> int:
    """The process's exit code for a reason."""
    return MEANINGS[reason].exit_code or 0


def report_of_failure(stage: str, error: BaseException, secrets: set[str]) -> Report:
    """The report of whatever ended a stage. What nobody foresaw also leaves its traceback on stderr."""
    rank, error_type, retry_after = None, type(error).__name__, None
    if isinstance(error, WorkerFailure):
        reason, message, rank, error_type = error.reason, error.message, error.rank, error.error_type or ""
        retry_after = error.retry_after
    elif isinstance(error, (Told, KeyboardInterrupt)):
        reason, message, error_type = Reason.DISRUPTED, "the worker was told to stop", ""
    elif isinstance(error, MemoryError):
        reason, message = Reason.OUT_OF_MEMORY, "the worker ran out of memory"
    elif isinstance(error, OSError) and error.errno in _OF_VOLUMES:
        reason, message = _OF_VOLUMES[error.errno], f"{error.strerror}: {error.filename or 'no file was named'}"
    else:
        print(clean_lines(redact("".join(traceback.format_exception(error)), secrets)), file=sys.stderr)
        reason, message = Reason.UNEXPECTED_ERROR, f"{type(error).__name__}: {error}"
    return Report(
        stage=stage,
        succeeded=False,
        reason=reason,
        message=redact(message, secrets),
        error_type=error_type or None,
        rank=rank,
        exit_code=exit_code(reason),
        retry_after_seconds=retry_after,
    )


def write_report(report: Report, file: str) -> None:
    """The report as the last line of stdout, and into the file if one is given."""
    text = report.to_text()
    if file:
        try:
            with open(file, "w", encoding="utf-8") as opened:
                opened.write(text)
        except OSError as error:
            print(f"cannot write the report to {file}: {error.strerror}", file=sys.stderr)
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)
