"""Maps exceptions of the Hub client to failure reasons."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.volume_errors import DISK_FULL
from shardwright_worker.hub.retry_after import RATE_LIMIT_STATUSES, retry_after_seconds, utc_after


@contextmanager
def hub_errors(repo: str, revision: str, endpoint: str, has_token: bool, transferring: bool = False) -> Iterator[None]:
    """Turn what the Hub client raises into a failure.

    While files are transferred, an error of the network is TransferFailed, which another attempt resumes.

    Raises:
        WorkerFailure: a reason of the source, the network or the volume.
        Exception: an exception that has no known meaning.

    https://github.com/huggingface/huggingface_hub/blob/v2.4.0/src/huggingface_hub/errors.py
    """
    try:
        yield
    except WorkerFailure:
        raise
    except Exception as error:
        failure = _failure_of(error, repo, revision, endpoint, has_token, transferring)
        if failure is None:
            raise
        failure.error_type = type(error).__name__
        raise failure from error


def _failure_of(
    error: Exception, repo: str, revision: str, endpoint: str, has_token: bool, transferring: bool
) -> WorkerFailure | None:
    from huggingface_hub import errors

    known: list[tuple[type[Exception], Reason, str]] = [
        (errors.GatedRepoError, Reason.SOURCE_GATED, _gated(repo, endpoint, has_token)),
        (errors.DisabledRepoError, Reason.SOURCE_NOT_FOUND, f"{repo} was disabled by the Hub"),
        (errors.RevisionNotFoundError, Reason.REVISION_NOT_FOUND, f"{repo} has no branch, tag or commit {revision!r}"),
        (errors.EntryNotFoundError, Reason.SOURCE_INCOMPLETE, f"the Hub lists a file of {repo} but returns 404 for it"),
        (errors.HFValidationError, Reason.SOURCE_NOT_FOUND, f"{repo!r} is not a repository's name: write ORG/NAME"),
        (errors.OfflineModeIsEnabled, Reason.SOURCE_UNAVAILABLE, "HF_HUB_OFFLINE is set: unset it for this stage"),
    ]
    for kind, reason, message in known:
        if isinstance(error, kind):
            return WorkerFailure(reason, message)
    if isinstance(error, errors.HfHubHTTPError):
        return _by_status(error.response, repo, endpoint, has_token, transferring)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return WorkerFailure(
            Reason.INSUFFICIENT_SPACE, "the volume became full while the source was downloaded: enlarge it"
        )
    if isinstance(error, _connection_errors()):
        if transferring:
            return WorkerFailure(Reason.TRANSFER_FAILED, f"a download of {repo} was interrupted: {_first_line(error)}")
        return WorkerFailure(Reason.SOURCE_UNAVAILABLE, f"{endpoint} cannot be reached: {_first_line(error)}")
    if transferring and isinstance(error, OSError) and "onsistency check failed" in str(error):
        return WorkerFailure(Reason.TRANSFER_FAILED, f"a download of {repo} ended early: {_first_line(error)}")
    return None


def rate_limit_failure(code: int, endpoint: str, repo: str, wait: float | None) -> WorkerFailure:
    """Return the failure for a Hub that is overloaded or limits requests; `wait` is its Retry-After in seconds."""
    message = f"{endpoint} returns status {code} for {repo}"
    if wait is not None:
        message += f" with Retry-After {wait:.0f} seconds, until {utc_after(wait)}"
    return WorkerFailure(Reason.SOURCE_UNAVAILABLE, message, retry_after=wait)


def _by_status(response: Any, repo: str, endpoint: str, has_token: bool, transferring: bool) -> WorkerFailure:
    code = response.status_code
    if code == 401:
        denied = "rejected the token" if has_token else "requires a token: the repository is private or does not exist"
        return WorkerFailure(Reason.SOURCE_UNAUTHORIZED, f"{endpoint} {denied} for {repo}")
    if code == 403:
        return WorkerFailure(Reason.SOURCE_UNAUTHORIZED, f"{endpoint} does not allow this token to read {repo}")
    if code in (404, 410) and transferring:
        return WorkerFailure(Reason.SOURCE_INCOMPLETE, f"{endpoint} lists a file of {repo} but returns {code} for it")
    if code in (404, 410):
        return WorkerFailure(Reason.SOURCE_NOT_FOUND, f"{endpoint} has no repository {repo}")
    transient = code == 429 or code >= 500
    wait = retry_after_seconds(response.headers) if code in RATE_LIMIT_STATUSES else None
    if transient and (not transferring or wait is not None):
        return rate_limit_failure(code, endpoint, repo, wait)
    return WorkerFailure(Reason.TRANSFER_FAILED, f"{endpoint} returns status {code} for a file of {repo}")


def _gated(repo: str, endpoint: str, has_token: bool) -> str:
    if has_token:
        return f"{repo} is gated and the token's owner has no access: accept the terms on {endpoint}/{repo}"
    return f"{repo} is gated: accept the terms on {endpoint}/{repo} and provide a token"


def _connection_errors() -> tuple[type[Exception], ...]:
    """Return the standard connection errors and those of the HTTP library that the installed client is built on."""
    from huggingface_hub.errors import HfHubHTTPError

    library = HfHubHTTPError.__mro__[1].__module__.split(".")[0]
    module = import_module(library)
    named = [getattr(module, name, None) for name in ("TransportError", "RequestError")]
    return (ConnectionError, TimeoutError, *[kind for kind in named if isinstance(kind, type)])


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
