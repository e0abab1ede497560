"""Compares a source's files with the SHA-256 digests that it ships itself in SHA256SUMS or *.sha256 files."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.listing import Listing

_LIST_NAME = re.compile(r"(sha256sums?|checksums?)([._-]?sha256(sums?)?)?(\.txt)?", re.IGNORECASE)
_LINE = re.compile(r"\\?([0-9a-fA-F]{64})(?:\s+[ *]?(\S.*?))?\s*")
_BSD_LINE = re.compile(r"SHA256\s*\((.+)\)\s*=\s*([0-9a-fA-F]{64})\s*")
_LARGEST_LIST = 4 * 1024 * 1024


def check_shipped_digests(listing: Listing, digests: Iterable[FileDigest]) -> int:
    """SourceCorrupt names the first file whose content is not what the source says; else how many were compared."""
    stated = _stated(listing)
    compared = 0
    for file in digests:
        for digest, where in stated.get(file.name, []):
            if digest != file.sha256:
                raise WorkerFailure(
                    Reason.SOURCE_CORRUPT,
                    f"{file.name} is damaged: {where} states SHA-256 {digest}, the file has {file.sha256}",
                )
            compared += 1
    return compared


def _stated(listing: Listing) -> dict[str, list[tuple[str, str]]]:
    stated: dict[str, list[tuple[str, str]]] = {}
    for name in listing.everything:
        path = PurePosixPath(name)
        is_list = _LIST_NAME.fullmatch(path.name) is not None or path.name.lower().endswith(".sha256sums")
        if not is_list and path.suffix.lower() != ".sha256":
            continue
        for digest, about in _lines(listing.folder / name):
            subject = about.removeprefix("./") if about else path.stem
            stated.setdefault((path.parent / subject).as_posix(), []).append((digest, name))
    return stated


def _lines(file: Path) -> list[tuple[str, str]]:
    """Pairs of digest and name; the name is empty where a line has only a digest."""
    try:
        with file.open("rb") as opened:
            text = opened.read(_LARGEST_LIST).decode(errors="replace")
    except OSError:
        return []
    found = []
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            found.append((match.group(1).lower(), match.group(2) or ""))
        elif match := _BSD_LINE.fullmatch(line):
            found.append((match.group(2).lower(), match.group(1)))
    return found
