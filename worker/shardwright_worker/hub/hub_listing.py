"""Lists a repository's commit and files. Where a mirror omits a value, other API calls are tried for it.

The API: https://huggingface.co/docs/hub/api
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import stays_inside
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.hub.hub_api import get_json, head_request, unusable_response
from shardwright_worker.hub.hub_file import UNKNOWN_SIZE, HubFile
from shardwright_worker.hub.hub_request import HubRequest

_COMMIT = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{6,63}")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_SIZE = 1 << 50  # bytes; a larger one is an error
_MAX_FILES, _MAX_PAGES = 100_000, 200
_MAX_NAME = 1000  # characters


class RepositoryListing(NamedTuple):
    """All files of a repository at a commit, by name."""

    commit: str
    files: dict[str, HubFile]


def list_repository(request: HubRequest) -> RepositoryListing:
    """Return the commit of the revision and all files, from /api/models/REPO and, where that omits them, its tree.

    Raises:
        WorkerFailure: the response cannot be used.
        Exception: what the Hub client raises.
    """
    from huggingface_hub.utils import validate_repo_id

    validate_repo_id(request.repo)
    revision = request.revision or "main"
    path = f"/api/models/{request.repo}/revision/{quote(revision, safe='')}?blobs=true"
    response = get_json(request, path)[0]
    if not isinstance(response, Mapping):
        raise unusable_response(request, "returns something other than a JSON object")
    commit = _commit(request, revision, response.get("sha"))
    listed = response.get("siblings")
    files = dict(_files(request, listed)) if isinstance(listed, list) else {}
    if not files or any(file.size == UNKNOWN_SIZE for file in files.values()):
        files = _merge(files, _list_tree(request, commit))
    if not files and not isinstance(listed, list):
        raise unusable_response(request, "lists no files: its response has no list called siblings, and it has no tree")
    return RepositoryListing(commit, files)


def complete_from_head(request: HubRequest, commit: str, file: HubFile) -> HubFile:
    """Return the file with the values of a HEAD request for it, where the listing omits them.

    https://github.com/huggingface/huggingface_hub/blob/v2.4.0/src/huggingface_hub/constants.py#L94
    """
    headers = head_request(request, commit, file.name)
    size = _size(headers.get("x-linked-size") or headers.get("content-length"))
    etag = (headers.get("x-linked-etag") or headers.get("etag") or "").removeprefix("W/").strip('"')
    return HubFile(
        file.name,
        size if file.size == UNKNOWN_SIZE else file.size,
        file.sha256 or _hex(headers.get("x-checksum-sha256"), 64) or _hex(etag, 64),
        file.blob_id,
        _hex(etag, 40),
    )


def is_commit_hash(commit: str) -> bool:
    """Return whether this is a Git commit, which names one content forever; mirrors may state a branch or tag."""
    return _HASH.fullmatch(commit) is not None


def _commit(request: HubRequest, revision: str, stated: object) -> str:
    """Return the commit: a full hash in the request, the response's sha, or the X-Repo-Commit of a file."""
    named = stated if isinstance(stated, str) and _COMMIT.fullmatch(stated) else ""
    if is_commit_hash(revision) and not is_commit_hash(named):
        return revision
    if named:
        return named
    found = head_request(request, revision, "config.json").get("x-repo-commit", "")
    if _COMMIT.fullmatch(found):
        return found
    raise WorkerFailure(
        Reason.REVISION_NOT_FOUND,
        f"{request.address} does not say which commit {revision!r} of {request.repo} is: its response has no sha, "
        "and its files have no X-Repo-Commit; set revision to the commit, or use another endpoint",
    )


def _files(request: HubRequest, entries: list[Any]) -> Iterator[tuple[str, HubFile]]:
    """Yield the files of a list of siblings or of a tree, whose keys have other names."""
    if len(entries) > _MAX_FILES:
        raise unusable_response(request, f"lists more than {_MAX_FILES} files")
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.get("type", "file") != "file":
            continue
        name = entry.get("rfilename", entry.get("path"))
        if name is None:
            raise unusable_response(request, "lists a file without its name (rfilename)")
        if not isinstance(name, str) or len(name) > _MAX_NAME or not stays_inside(name):
            raise WorkerFailure(
                Reason.SOURCE_CORRUPT, f"{request.repo} has a file {str(name)[:200]!r}, which is outside its folder"
            )
        large = entry.get("lfs")
        large = large if isinstance(large, Mapping) else {}
        size = _size(large.get("size")) if "size" in large else _size(entry.get("size"))
        blob = entry.get("blobId", entry.get("oid"))
        yield name, HubFile(name, size, _hex(large.get("sha256", large.get("oid")), 64), _hex(blob, 40))


def _merge(files: dict[str, HubFile], tree: dict[str, HubFile]) -> dict[str, HubFile]:
    """Return the files, completed with the values of the tree."""
    merged = dict(files or tree)
    for name, file in merged.items():
        other = tree.get(name, file)
        merged[name] = HubFile(
            name,
            other.size if file.size == UNKNOWN_SIZE else file.size,
            file.sha256 or other.sha256,
            file.blob_id or other.blob_id,
        )
    return merged


def _list_tree(request: HubRequest, commit: str) -> dict[str, HubFile]:
    """Return the files of the commit's tree, none if the mirror does not have this API call."""
    from huggingface_hub.errors import HfHubHTTPError

    found: dict[str, HubFile] = {}
    path = f"/api/models/{request.repo}/tree/{quote(commit, safe='')}?recursive=true"
    for _ in range(_MAX_PAGES):
        try:
            response, next_page = get_json(request, path)
        except HfHubHTTPError as error:
            if error.response.status_code in (400, 404, 405, 501):
                return found
            raise
        if not isinstance(response, list):
            return found
        found.update(_files(request, response))
        if not next_page or not next_page.startswith(request.address + "/"):
            return found
        path = next_page.removeprefix(request.address)
    raise unusable_response(request, f"returns its list of files in more than {_MAX_PAGES} pages")


def _size(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,16}", value):
        value = int(value)
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_SIZE
    return value if known and isinstance(value, int) else UNKNOWN_SIZE


def _hex(value: object, digits: int) -> str:
    return value if isinstance(value, str) and re.fullmatch(rf"[0-9a-f]{{{digits}}}", value) else ""
