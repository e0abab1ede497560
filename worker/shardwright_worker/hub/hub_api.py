"""Requests of the Hub's API through the client's session, with limits on what a mirror may return."""

import json
from collections.abc import Mapping
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.hub.hub_request import HubRequest

MAX_RESPONSE = 16 * 1024**2  # bytes


def get_json(request: HubRequest, path: str) -> tuple[Any, str]:
    """Return the JSON at a path of the API, and the URL of the next page or an empty string.

    Raises:
        WorkerFailure: the response is too large or not JSON.
        Exception: what the Hub client raises.
    """
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    headers = build_hf_headers(token=request.token or False)
    with get_session().stream("GET", request.address + path, headers=headers, timeout=60) as response:
        if response.status_code >= 400:
            response.read()
        hf_raise_for_status(response)
        text = b""
        for piece in response.iter_bytes():
            text += piece
            if len(text) > MAX_RESPONSE:
                raise unusable_response(request, f"returns a list of files of more than {MAX_RESPONSE} bytes")
        next_page = str(response.links.get("next", {}).get("url", ""))
    return _parse(request, text), next_page


def _parse(request: HubRequest, text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        start = text[:60].decode(errors="replace").strip()
        raise unusable_response(request, f"returns something other than JSON ({start!r})") from None


def head_request(request: HubRequest, revision: str, name: str) -> Mapping[str, str]:
    """Return the headers of a HEAD request for a file, with names in lower case; none if it fails."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session

    url = hf_hub_url(request.repo, name, revision=revision, endpoint=request.address)
    headers = {**build_hf_headers(token=request.token or False), "Accept-Encoding": "identity"}
    response = get_session().request("HEAD", url, headers=headers, timeout=60, follow_redirects=False)
    if response.status_code >= 400:
        return {}
    # Length and ETag of a redirect are not those of the file.
    drop = {"content-length", "etag"} if response.status_code >= 300 else set()
    return {key.lower(): value for key, value in response.headers.items() if key.lower() not in drop}


def unusable_response(request: HubRequest, what: str) -> WorkerFailure:
    """Return the failure for an endpoint whose responses cannot be used; `what` completes "ENDPOINT ..."."""
    return WorkerFailure(Reason.SOURCE_UNAVAILABLE, f"{request.address} {what}, for {request.repo}")
