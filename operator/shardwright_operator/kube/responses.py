"""What an HTTP answer must be before anything is made of it: from the API server itself, and an object of JSON."""

import json
import math
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from shardwright_worker.contract.text import clean

_EXACT = 4000  # digits: Python refuses to read longer whole numbers, and with them all that stands beside them

Raw = dict[str, Any]


class Redirected(aiohttp.ClientError):
    """The answer points elsewhere. Nobody goes there: API servers do not redirect, and the token is for them alone."""


async def refuse_redirects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """A middleware of every session that carries the token."""
    response = await handler(request)
    if 300 <= response.status < 400:
        host = clean(_host(response.headers.get("Location", "")) or "the same host", 253)
        response.close()
        raise Redirected(
            f"{request.url.host} answers with a redirect ({response.status}) to {host}, which is not followed; "
            "let the server in the kubeconfig be the API server itself"
        )
    return response


def read_object(data: bytes | str) -> Raw:
    """The JSON object that an answer holds; anything else is a ValueError."""
    try:
        answer = _parsed(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(answer, dict):
        raise ValueError(f"it is {type(answer).__name__}, not an object")
    return answer


def read_page(data: bytes | str) -> Raw:
    """The page of a list that an answer holds; anything else is a ValueError."""
    page = read_object(data)
    check_page(page)
    return page


def check_page(page: object) -> None:
    """Raise ValueError unless this is a page of a list."""
    if not isinstance(page, dict) or not isinstance(page.get("items"), list):
        raise ValueError("it has no list of items")
    metadata = page.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("continue") or "", str):
        raise ValueError("it has no metadata of a list")


def pause_of(header: str) -> float | None:
    """The seconds that a Retry-After asks for, None if it is missing or no such number."""
    try:
        seconds = float(header)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _parsed(data: bytes | str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return json.loads(data, parse_int=_whole)  # slower: for what the first try cannot read


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < _EXACT else float(digits)


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return "a place that cannot be read"
