"""Checks an HTTP response before it is used: that it is of the API server itself, and a JSON object or a page."""

import json
import math
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from shardwright_worker.contract.text import one_line

# Digits. Python refuses to parse longer integers (sys.set_int_max_str_digits), and with them the whole response.
_INTEGER_DIGITS = 4000

Raw = dict[str, Any]


class RedirectError(aiohttp.ClientError):
    """The response is a redirect, which is not followed: API servers do not redirect, and the token is for them."""


async def reject_redirects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Raise instead of following a redirect; a middleware for every session that sends the token.

    Raises:
        RedirectError: the response has a status from 300 to 399.
    """
    response = await handler(request)
    if 300 <= response.status < 400:
        host = one_line(_host(response.headers.get("Location", "")) or "the same host", 253)
        response.close()
        raise RedirectError(
            f"{request.url.host} responds with a redirect ({response.status}) to {host}, which is not followed; "
            "set the server in the kubeconfig to the API server itself"
        )
    return response


def read_object(data: bytes | str) -> Raw:
    """Return the JSON object in a body.

    Raises:
        ValueError: it is not a JSON object.
    """
    try:
        parsed = _parse(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(parsed, dict):
        raise ValueError(f"it is {type(parsed).__name__}, not an object")
    return parsed


def read_page(data: bytes | str) -> Raw:
    """Return the page of a list in a body.

    Raises:
        ValueError: it is not one.
    """
    page = read_object(data)
    check_page(page)
    return page


def check_page(page: object) -> None:
    """Check that this is a page of a list.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks

    Raises:
        ValueError: it is not one.
    """
    if not isinstance(page, dict) or not isinstance(page.get("items"), list):
        raise ValueError("it has no list of items")
    metadata = page.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("continue") or "", str):
        raise ValueError("it has no metadata of a list")


def retry_after_seconds(header: str) -> float | None:
    """Return the seconds in a Retry-After header, None if it is missing or not a number of seconds."""
    try:
        seconds = float(header)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _parse(data: bytes | str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        # With a callback for integers json.loads is slower, so it is used only where the first try fails.
        return json.loads(data, parse_int=_integer)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _INTEGER_DIGITS else float(digits)


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return "an invalid URL"
