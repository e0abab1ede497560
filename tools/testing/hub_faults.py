"""Faults of a Hub server: error responses, broken or paused downloads, and what a mirror omits or misreports."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class HubFaults:
    """The faults, by file name; error responses by a part of the path."""

    statuses: dict[str, int] = field(default_factory=dict)
    failures: int = -1  # number of error responses, after which all succeed; negative: no limit
    retry_after: str = ""  # the header Retry-After of error responses
    cuts: dict[str, list[int]] = field(default_factory=dict)  # each response in turn is cut after this many bytes
    wrong: set[str] = field(default_factory=set)  # files that are delivered with a changed byte
    # What a mirror omits: sha, siblings, size, blobId, lfs, tree, head, links (it serves large files itself then).
    omits: set[str] = field(default_factory=set)
    etag: Callable[[bytes], str] | None = None  # of the content, instead of its Git ID
    checksums: bool = False  # whether the header X-Checksum-Sha256 is sent
    sizes: dict[str, object] = field(default_factory=dict)  # reported instead of a file's size
    holds: dict[str, int] = field(default_factory=dict)  # pause after this many bytes until `release` is set
    release: threading.Event = field(default_factory=threading.Event)
    holding: threading.Event = field(default_factory=threading.Event)
