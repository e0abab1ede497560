"""The errors of calls to the API server."""

from collections.abc import Mapping
from typing import Any

from shardwright_operator.kube.responses import read_object, retry_after_seconds
from shardwright_worker.contract.text import one_line


class ApiError(Exception):
    """A call failed: `status` is the HTTP code, 0 without a response.

    `reason` and `message` are the API server's, made fit for one line. `retry_after` is in seconds.

    https://github.com/kubernetes/apimachinery/blob/v0.36.3/pkg/apis/meta/v1/types.go#L812
    """

    def __init__(self, status: int, reason: str, message: str, call: str, retry_after: float | None = None) -> None:
        self.status, self.reason, self.message = status, one_line(reason, 100), one_line(message)
        super().__init__(f"{call}: {self.message or self.reason or status}")
        self.retry_after = retry_after


class NotFound(ApiError):  # noqa: N818 - the API's name
    """404 for an object: the API server knows the kind, and there is no such object."""


class Forbidden(ApiError):  # noqa: N818 - the API's name
    """401 or 403: a permission is missing; the message names verb and resource."""


class Conflict(ApiError):  # noqa: N818 - the API's name
    """409: the object exists already, or does not have the uid or resourceVersion of the request."""


class Invalid(ApiError):  # noqa: N818 - the API's name
    """400, 413 or 422: the body is rejected now and at every retry."""


class Unavailable(ApiError):  # noqa: N818 - the API's name
    """No response, a malformed one, 429 or 5xx: whether a write took effect is not known."""


class NotServed(Unavailable):
    """404 that names no object: the kind is not served, or a proxy responded. It does not prove an absence."""


# Server-side apply responds with 500 to a value of another type than the schema's:
# https://github.com/kubernetes/apimachinery/blob/v0.36.3/pkg/util/managedfields/internal/structuredmerge.go#L147
_WRONG_TYPE = "failed to create typed patch object"


def error_from_response(status: int, headers: Any, body: bytes, call: str) -> ApiError:
    """Return the error for a response with an HTTP code of 400 or more. `call` names what failed."""
    try:
        response: Mapping[str, Any] = read_object(body)
    except ValueError:
        response = {"message": body[:500].decode(errors="replace")}
    details = response.get("details")
    absent = NotFound if isinstance(details, dict) and details.get("name") else NotServed
    kinds: dict[int, type[ApiError]] = {401: Forbidden, 403: Forbidden, 404: absent, 409: Conflict, 429: Unavailable}
    kinds |= {400: Invalid, 413: Invalid, 422: Invalid}
    kind = kinds.get(status, Unavailable if status >= 500 else ApiError)
    reason, message = _text(response, "reason"), _text(response, "message")
    if status == 500 and message.startswith(_WRONG_TYPE):
        kind = Invalid
    return kind(status, reason, message, call, retry_after_seconds(headers.get("Retry-After", "")))


def _text(response: Mapping[str, Any], name: str) -> str:
    found = response.get(name)
    return found if isinstance(found, str) else ""
