"""The final report of a worker: made from a failure, and written where the kubelet reads it."""

import contextlib
import errno
import sys
import traceback

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import Report
from shardwright_worker.contract.text import clean_lines
from shardwright_worker.files.volume_errors import DISK_FULL
from shardwright_worker.reporting.redaction import redact
from shardwright_worker.reporting.shutdown import Terminated

# Errors that have one meaning, whichever operation raised them.
_VOLUME_ERRORS = {
    **dict.fromkeys(DISK_FULL, Reason.INSUFFICIENT_SPACE),
    errno.EIO: Reason.VOLUME_UNAVAILABLE,
    errno.ESTALE: Reason.VOLUME_UNAVAILABLE,
    errno.EROFS: Reason.VOLUME_NOT_WRITABLE,
}


def exit_code_of(reason: Reason) -> int:
    """Return the exit code of a worker that ends for this reason."""
    return MEANINGS[reason].exit_code or 0


def failure_report(stage: str, error: BaseException, secrets: set[str]) -> Report:
    """Return the report of whatever ended a stage; print the traceback of an unexpected error to stderr."""
    rank, error_type, retry_after = None, type(error).__name__, None
    if isinstance(error, WorkerFailure):
        reason, message, rank, error_type = error.reason, error.message, error.rank, error.error_type or ""
        retry_after = error.retry_after
    elif isinstance(error, (Terminated, KeyboardInterrupt)):
        by = f" by {error}" if str(error) else ""
        reason, message, error_type = Reason.DISRUPTED, f"the worker was terminated{by}", ""
    elif isinstance(error, MemoryError):
        reason, message = Reason.OUT_OF_MEMORY, "the worker ran out of memory"
    elif isinstance(error, OSError) and error.errno in _VOLUME_ERRORS:
        reason, message = _VOLUME_ERRORS[error.errno], f"{error.strerror}: {error.filename or 'file unknown'}"
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
        exit_code=exit_code_of(reason),
        retry_after_seconds=retry_after,
    )


def write_report(report: Report, file: str) -> None:
    """Write the report as the last line of stdout, and to a file if one is named.

    In a pod the file is the container's terminationMessagePath, which the kubelet copies into the pod's status:
    https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
    """
    text = report.to_text()
    if file:
        try:
            with open(file, "w", encoding="utf-8") as opened:
                opened.write(text)
        except OSError as error:
            print(f"cannot write the report to {file}: {error.strerror}", file=sys.stderr)
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)
