"""What can go wrong between the operator and the API server."""

from collections.abc import Mapping
from typing import Any

from shardwright_operator.kube.responses import pause_of, read_object
from shardwright_worker.contract.text import clean


class ApiError(Exception):
    """The API server refused a call: `status` is the HTTP code, `reason` and `message` are its words, made clean."""

    def __init__(self, status: int, reason: str, message: str, what: str, retry_after: float | None = None) -> None:
        self.status, self.reason, self.message = status, clean(reason, 100), clean(message)
        super().__init__(f"{what}: {self.message or self.reason or status}")
        self.retry_after = retry_after


class NotFound(ApiError):  # noqa: N818 - the API's word
    """404: the object does not exist; the server has looked for it."""


class Forbidden(ApiError):  # noqa: N818 - the API's word
    """401 or 403: a permission is missing; the message names verb and resource."""


class Conflict(ApiError):  # noqa: N818 - the API's word
    """409: the object exists already, or is not the one or the version that was meant."""


class Invalid(ApiError):  # noqa: N818 - the API's word
    """400, 413, 422: what was written will never be taken, whoever writes it and whenever."""


class Unavailable(ApiError):  # noqa: N818 - the API's word
    """No answer, none that can be read, 429 or 5xx: whether a write took effect is not known."""


class NotServed(Unavailable):
    """404 that names no object: the kind is not served, or whoever answers is no API server. It proves no absence."""


# What server-side apply says, with a 500, of a value that has another type than the schema.
_NEVER = "failed to create typed patch object"


def error_of(status: int, headers: Any, body: bytes, what: str) -> ApiError:
    """The error that an HTTP answer stands for."""
    try:
        told: Mapping[str, Any] = read_object(body)
    except ValueError:
        told = {"message": body[:500].decode(errors="replace")}
    details = told.get("details")
    absent = NotFound if isinstance(details, dict) and details.get("name") else NotServed
    kinds: dict[int, type[ApiError]] = {401: Forbidden, 403: Forbidden, 404: absent, 409: Conflict, 429: Unavailable}
    kinds |= {400: Invalid, 413: Invalid, 422: Invalid}
    kind = kinds.get(status, Unavailable if status >= 500 else ApiError)
    reason, message = _text(told, "reason"), _text(told, "message")
    if status == 500 and message.startswith(_NEVER):
        kind = Invalid
    return kind(status, reason, message, what, pause_of(headers.get("Retry-After", "")))


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    return found if isinstance(found, str) else ""
