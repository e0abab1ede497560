"""What can go wrong between the operator and the API server."""

import json
from typing import Any


class ApiError(Exception):
    """The API server refused a call: `status` is the HTTP code, `reason` and `message` are the server's words."""

    def __init__(self, status: int, reason: str, message: str, what: str, retry_after: float | None = None) -> None:
        super().__init__(f"{what}: {message or reason or status}")
        self.status, self.reason, self.message = status, reason, message
        self.retry_after = retry_after


class NotFound(ApiError):  # noqa: N818 - the API's word
    """404: the object does not exist; the server has looked for it."""


class Forbidden(ApiError):  # noqa: N818 - the API's word
    """401 or 403: a permission is missing; the message names verb and resource."""


class Conflict(ApiError):  # noqa: N818 - the API's word
    """409: the object exists already, or is not the one or the version that was meant."""


class Unavailable(ApiError):  # noqa: N818 - the API's word
    """No answer, 429 or 5xx: whether a write took effect is not known."""


class NotServed(Unavailable):
    """404 that names no object: the kind is not served, or whoever answers is no API server. It proves no absence."""


def error_of(status: int, headers: Any, body: bytes, what: str) -> ApiError:
    """The error that an HTTP answer stands for."""
    reason, message, named = "", body[:500].decode(errors="replace"), False
    try:
        told = json.loads(body)
        reason, message = told.get("reason", ""), told.get("message", "")
        named = bool((told.get("details") or {}).get("name"))
    except (ValueError, AttributeError):
        pass
    absent = NotFound if named else NotServed
    kinds = {401: Forbidden, 403: Forbidden, 404: absent, 409: Conflict, 429: Unavailable}
    kind = kinds.get(status, Unavailable if status >= 500 else ApiError)
    return kind(status, reason, message, what, _retry_after(headers))


def _retry_after(headers: Any) -> float | None:
    try:
        return max(0.0, float(headers.get("Retry-After", "")))
    except ValueError:
        return None
