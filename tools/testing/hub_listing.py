"""What a Hub server reports of a repository: the model's info with its siblings, and the file tree."""

from __future__ import annotations

import hashlib
from typing import Any

from tools.testing.hub_faults import HubFaults
from tools.testing.hub_repository import LARGE, Repository, git_id


def model_info(name: str, repository: Repository, faults: HubFaults) -> dict[str, Any]:
    """Return the response to /api/models/NAME, without what the faults omit.

    https://huggingface.co/docs/hub/api
    """
    siblings = [_sibling(file, data, faults) for file, data in repository.files.items()]
    info = {"id": name, "modelId": name, "sha": repository.sha, "private": False, "tags": []}
    info = {**info, "downloads": 0, "likes": 0, "siblings": siblings}
    return {key: value for key, value in info.items() if key not in faults.omits}


def tree(repository: Repository) -> list[dict[str, Any]]:
    """Return the response to /api/models/NAME/tree/REVISION."""
    return [_tree_entry(name, data) for name, data in repository.files.items()]


def _sibling(name: str, data: bytes, faults: HubFaults) -> dict[str, Any]:
    size = faults.sizes.get(name, len(data))
    plain = {"rfilename": name, "size": size, "blobId": git_id(name, data)}
    if name.endswith(LARGE):
        large = {"sha256": hashlib.sha256(data).hexdigest(), "size": size, "pointerSize": 134}
        plain["lfs"] = None if "lfs" in faults.omits else large
    return {key: value for key, value in plain.items() if key not in faults.omits - {"lfs"}}


def _tree_entry(name: str, data: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": name, "size": len(data), "oid": git_id(name, data)}
    if name.endswith(LARGE):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}
    return entry
