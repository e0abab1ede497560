"""Turns errors of vLLM, torch and the system into failures with a reason of the closed list."""

import os
import re

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.error_texts import MACHINE, TEXTS, UNKNOWN_TENSOR
from shardwright_worker.engine.io_errors import Folders, classify_io_error, is_about_loaded_files, system_errno
from shardwright_worker.engine.rank_messages import ErrorRecord

_HEAD, _TAIL = 4000, 2000  # characters of a long message that are searched
_LONGEST = 2000  # characters of a message that are reported
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n")


def classify(error: BaseException, default: Reason, folders: Folders | None = None) -> WorkerFailure:
    """Return the failure that an exception stands for.

    `default` is the reason of an error that is not known, unless it is the machine's: that is an UnexpectedError.
    """
    if isinstance(error, WorkerFailure):
        return error
    if isinstance(error, MemoryError):
        return WorkerFailure(Reason.OUT_OF_MEMORY, f"no memory is left ({error or 'MemoryError'})")
    return classify_record(record_of(error), default, folders)


def record_of(error: BaseException) -> ErrorRecord:
    """Return what is needed to classify the exception in another process."""
    names = (getattr(error, name, None) for name in ("filename", "filename2"))
    return ErrorRecord(
        type=type(error).__name__,
        message=str(error),
        reason=error.reason if isinstance(error, WorkerFailure) else None,
        errno=error.errno if isinstance(error, OSError) else None,
        files=[os.fsdecode(name) for name in names if isinstance(name, str | bytes)],
    )


def classify_record(
    record: ErrorRecord, default: Reason, folders: Folders | None = None, rank: int | None = None
) -> WorkerFailure:
    """Return the failure that a recorded exception stands for; see `classify`. `rank`: where it was raised."""
    if record.reason:
        return WorkerFailure(record.reason, record.message, rank=rank, error_type=record.type)
    message, folders = _searched(record.message), folders or Folders()
    number = system_errno(record.type, message, record.errno)
    if number and (failure := classify_io_error(number, message, record.files, folders)):
        return WorkerFailure(failure.reason, failure.message, rank=rank, error_type=record.type)
    shown = _shown(message)
    reason = _reason_of(f"{record.type}: {message}")
    if reason is None:
        if number:
            loaded = is_about_loaded_files(number, message, record.files, folders)
        else:
            loaded = not re.search(MACHINE, f"{record.type}: {shown}", re.I)
        reason = default if loaded else Reason.UNEXPECTED_ERROR
    if re.fullmatch(UNKNOWN_TENSOR, f"{record.type}: {message}"):
        shown = f"There is no parameter for the source's tensor {shown}"
    if reason is Reason.UNEXPECTED_ERROR:
        shown = f"{record.type}: {shown}".rstrip(": ")
    return WorkerFailure(reason, shown or record.type, rank=rank, error_type=record.type)


def _reason_of(text: str) -> Reason | None:
    sentences = _BETWEEN_SENTENCES.split(text)
    found = (reason for pattern, reason in TEXTS if any(re.search(pattern, each, re.I) for each in sentences))
    return next(found, None)


def _searched(message: str) -> str:
    return message if len(message) <= _HEAD + _TAIL else message[:_HEAD] + " ... " + message[-_TAIL:]


def _shown(message: str) -> str:
    """Return the message as one line, without pydantic's frame and links."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("For further information", "1 validation error"))]
    text = " ".join(kept) or " ".join(lines)
    return re.sub(r"\s*\[type=.*?\]\s*$", "", re.sub(r"\[type=\w+, input_value=.*?\]", "", text)).strip()[:_LONGEST]
