"""What the hub client's exceptions mean, as reasons."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.hub.rate_limits import BUSY, retry_after, until


@contextmanager
def hub_failures(
    repo: str, revision: str, endpoint: str, has_token: bool, transferring: bool = False
) -> Iterator[None]:
    """Turn what the hub client raises into a WorkerFailure. While transferring, a broken connection can be resumed."""
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
        (errors.DisabledRepoError, Reason.SOURCE_NOT_FOUND, f"{repo} was disabled by the hub"),
        (errors.RevisionNotFoundError, Reason.REVISION_NOT_FOUND, f"{repo} has no branch, tag or commit {revision!r}"),
        (errors.EntryNotFoundError, Reason.SOURCE_INCOMPLETE, f"the hub lists a file of {repo} and does not give it"),
        (errors.HFValidationError, Reason.SOURCE_NOT_FOUND, f"{repo!r} is no name of a repository: write ORG/NAME"),
        (errors.OfflineModeIsEnabled, Reason.SOURCE_UNAVAILABLE, "HF_HUB_OFFLINE is set: unset it for this stage"),
    ]
    for kind, reason, message in known:
        if isinstance(error, kind):
            return WorkerFailure(reason, message)
    if isinstance(error, errors.HfHubHTTPError):
        return _by_status(error.response, repo, endpoint, has_token, transferring)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkerFailure(Reason.INSUFFICIENT_SPACE, "the volume filled up while the source was fetched: enlarge it")
    if isinstance(error, _connection_errors()):
        if transferring:
            return WorkerFailure(Reason.TRANSFER_FAILED, f"a download of {repo} broke off: {_brief(error)}")
        return WorkerFailure(Reason.SOURCE_UNAVAILABLE, f"{endpoint} does not answer: {_brief(error)}")
    if transferring and isinstance(error, OSError) and "onsistency check failed" in str(error):
        return WorkerFailure(Reason.TRANSFER_FAILED, f"a download of {repo} ended early: {_brief(error)}")
    return None


def busy(code: int, endpoint: str, repo: str, wait: float | None) -> WorkerFailure:
    """The failure of a hub that is busy; with the moment until which it asks to be left alone, if it says so."""
    message = f"{endpoint} answers with status {code} for {repo}"
    if wait is not None:
        message += f" and asks to be left alone for {wait:.0f} seconds, until {until(wait)}"
    return WorkerFailure(Reason.SOURCE_UNAVAILABLE, message, retry_after=wait)


def _by_status(response: Any, repo: str, endpoint: str, has_token: bool, transferring: bool) -> WorkerFailure:
    code = response.status_code
    if code == 401:
        asked = "refused the token" if has_token else "asks for a token: the repository is private or does not exist"
        return WorkerFailure(Reason.SOURCE_UNAUTHORIZED, f"{endpoint} {asked} for {repo}")
    if code == 403:
        return WorkerFailure(Reason.SOURCE_UNAUTHORIZED, f"{endpoint} does not let this token read {repo}")
    if code in (404, 410) and transferring:
        return WorkerFailure(
            Reason.SOURCE_INCOMPLETE, f"{endpoint} lists a file of {repo} and does not give it ({code})"
        )
    if code in (404, 410):
        return WorkerFailure(Reason.SOURCE_NOT_FOUND, f"{endpoint} has no repository {repo}")
    transient = code == 429 or code >= 500
    wait = retry_after(response.headers) if code in BUSY else None
    if transient and (not transferring or wait is not None):
        return busy(code, endpoint, repo, wait)
    return WorkerFailure(Reason.TRANSFER_FAILED, f"{endpoint} answers with status {code} for a file of {repo}")


def _gated(repo: str, endpoint: str, has_token: bool) -> str:
    if has_token:
        return f"{repo} is gated and the token's owner has no access: accept the terms on {endpoint}/{repo}"
    return f"{repo} is gated: accept the terms on {endpoint}/{repo} and give a token"


def _connection_errors() -> tuple[type[Exception], ...]:
    """The errors of the HTTP library that this version of the client is built on, and the standard ones."""
    from huggingface_hub.errors import HfHubHTTPError

    library = HfHubHTTPError.__mro__[1].__module__.split(".")[0]
    module = import_module(library)
    named = [getattr(module, name, None) for name in ("TransportError", "RequestError")]
    return (ConnectionError, TimeoutError, *[kind for kind in named if isinstance(kind, type)])


def _brief(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
