"""Asks a hub for a repository's commit and files. Mirrors leave things out: then other calls are asked for them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import stays_inside
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.hub.file_download import UNKNOWN, HubFile
from shardwright_worker.hub.hub_request import HubRequest

_COMMIT = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{6,63}")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LARGEST_SIZE = 1 << 50  # a pebibyte; larger is a slip
_LARGEST_ANSWER = 16 * 1024**2
_MOST_FILES, _MOST_PAGES = 100_000, 200
_LONGEST_NAME = 1000


class Described(NamedTuple):
    """A repository at a commit: all its files, as far as the hub states them."""

    commit: str
    files: dict[str, HubFile]


def describe(request: HubRequest) -> Described:
    """The repository's commit and files, from its description and, where that is silent, its tree."""
    from huggingface_hub.utils import validate_repo_id

    validate_repo_id(request.repo)
    revision = request.revision or "main"
    path = f"/api/models/{request.repo}/revision/{quote(revision, safe='')}?blobs=true"
    answer = _answer(request, path)[0]
    if not isinstance(answer, Mapping):
        raise _unusable(request, "describes the repository with something that is no JSON object")
    commit = _commit(request, revision, answer.get("sha"))
    listed = answer.get("siblings")
    files = dict(_files(request, listed)) if isinstance(listed, list) else {}
    if not files or any(file.size == UNKNOWN for file in files.values()):
        files = _completed(files, _tree(request, commit))
    if not files and not isinstance(listed, list):
        raise _unusable(request, "names no files: its answer has no list called siblings, and it has no tree")
    return Described(commit, files)


def with_head(request: HubRequest, commit: str, file: HubFile) -> HubFile:
    """The file with what the hub says when asked for it alone, where its lists are silent."""
    headers = _head(request, commit, file.name)
    size = _size(headers.get("x-linked-size") or headers.get("content-length"))
    etag = (headers.get("x-linked-etag") or headers.get("etag") or "").removeprefix("W/").strip('"')
    return HubFile(
        file.name,
        size if file.size == UNKNOWN else file.size,
        file.sha256 or _hex(headers.get("x-checksum-sha256"), 64) or _hex(etag, 64),
        file.blob_id,
        _hex(etag, 40),
    )


def is_hash(commit: str) -> bool:
    """Whether this names one content for ever, as Git's commits do; mirrors may state a name that moves instead."""
    return _HASH.fullmatch(commit) is not None


def _commit(request: HubRequest, revision: str, stated: object) -> str:
    named = stated if isinstance(stated, str) and _COMMIT.fullmatch(stated) else ""
    if is_hash(revision) and not is_hash(named):
        return revision
    if named:
        return named
    found = _head(request, revision, "config.json").get("x-repo-commit", "")
    if _COMMIT.fullmatch(found):
        return found
    raise WorkerFailure(
        Reason.REVISION_NOT_FOUND,
        f"{request.address} does not say which commit {revision!r} of {request.repo} is: its answer has no sha, and "
        "its files no X-Repo-Commit; name the commit itself as revision, or use another endpoint",
    )


def _files(request: HubRequest, entries: list[Any]) -> Iterator[tuple[str, HubFile]]:
    """Files of a description's siblings, or of a tree, which has other words for the same."""
    if len(entries) > _MOST_FILES:
        raise _unusable(request, f"names more than {_MOST_FILES} files")
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.get("type", "file") != "file":
            continue
        name = entry.get("rfilename", entry.get("path"))
        if name is None:
            raise _unusable(request, "lists a file without its name (rfilename)")
        if not isinstance(name, str) or len(name) > _LONGEST_NAME or not stays_inside(name):
            raise WorkerFailure(
                Reason.SOURCE_CORRUPT, f"{request.repo} names a file {str(name)[:200]!r}, which leaves its folder"
            )
        large = entry.get("lfs")
        large = large if isinstance(large, Mapping) else {}
        size = _size(large.get("size")) if "size" in large else _size(entry.get("size"))
        blob = entry.get("blobId", entry.get("oid"))
        yield name, HubFile(name, size, _hex(large.get("sha256", large.get("oid")), 64), _hex(blob, 40))


def _completed(files: dict[str, HubFile], tree: dict[str, HubFile]) -> dict[str, HubFile]:
    """The files, with what the tree says of them."""
    merged = dict(files or tree)
    for name, file in merged.items():
        other = tree.get(name, file)
        merged[name] = HubFile(
            name,
            other.size if file.size == UNKNOWN else file.size,
            file.sha256 or other.sha256,
            file.blob_id or other.blob_id,
        )
    return merged


def _tree(request: HubRequest, commit: str) -> dict[str, HubFile]:
    """The files of the commit's tree; none if this hub has no such call."""
    from huggingface_hub.errors import HfHubHTTPError

    found: dict[str, HubFile] = {}
    path = f"/api/models/{request.repo}/tree/{quote(commit, safe='')}?recursive=true"
    for _ in range(_MOST_PAGES):
        try:
            answer, following = _answer(request, path)
        except HfHubHTTPError as error:
            if error.response.status_code in (400, 404, 405, 501):
                return found
            raise
        if not isinstance(answer, list):
            return found
        found.update(_files(request, answer))
        if not following or not following.startswith(request.address + "/"):
            return found
        path = following.removeprefix(request.address)
    raise _unusable(request, f"spreads its list of files over more than {_MOST_PAGES} pages")


def _answer(request: HubRequest, path: str) -> tuple[Any, str]:
    """The JSON at a path of the hub, and the address of the page that follows."""
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    headers = build_hf_headers(token=request.token or False)
    with get_session().stream("GET", request.address + path, headers=headers, timeout=60) as response:
        if response.status_code >= 400:
            response.read()
        hf_raise_for_status(response)
        text = b""
        for piece in response.iter_bytes():
            text += piece
            if len(text) > _LARGEST_ANSWER:
                raise _unusable(request, "answers without end when asked for a list of files")
        following = str(response.links.get("next", {}).get("url", ""))
    return _parsed(request, text), following


def _parsed(request: HubRequest, text: bytes) -> Any:
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        start = text[:60].decode(errors="replace").strip()
        raise _unusable(request, f"answers with something that is no JSON ({start!r})") from None


def _head(request: HubRequest, revision: str, name: str) -> Mapping[str, str]:
    """Headers of the answer to a HEAD request for a file; none if it is refused."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session

    url = hf_hub_url(request.repo, name, revision=revision, endpoint=request.address)
    headers = {**build_hf_headers(token=request.token or False), "Accept-Encoding": "identity"}
    first = get_session().request("HEAD", url, headers=headers, timeout=60, follow_redirects=False)
    if first.status_code >= 400:
        return {}
    # A redirect's own length says nothing of the file.
    drop = {"content-length", "etag"} if first.status_code >= 300 else set()
    return {key.lower(): value for key, value in first.headers.items() if key.lower() not in drop}


def _size(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,16}", value):
        value = int(value)
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_SIZE
    return value if known and isinstance(value, int) else UNKNOWN


def _hex(value: object, digits: int) -> str:
    return value if isinstance(value, str) and re.fullmatch(rf"[0-9a-f]{{{digits}}}", value) else ""


def _unusable(request: HubRequest, what: str) -> WorkerFailure:
    return WorkerFailure(Reason.SOURCE_UNAVAILABLE, f"{request.address} {what}, for {request.repo}")
