"""Compares a source's files with the SHA-256 digests in its own SHA256SUMS or *.sha256 files."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.regular_file import NotRegularFileError, open_regular
from shardwright_worker.source.listing import Listing

_LIST_NAME = re.compile(r"(sha256sums?|checksums?)([._-]?sha256(sums?)?)?(\.txt)?", re.IGNORECASE)
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_MAX_LIST = 4 * 1024 * 1024  # bytes


def check_shipped_digests(listing: Listing, digests: Iterable[FileDigest]) -> int:
    """Return how many files were compared with a digest that the source states.

    Raises:
        WorkerFailure: SourceCorrupt names the first file that differs.
    """
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
    for name in listing.all_names:
        path = PurePosixPath(name)
        is_list = _LIST_NAME.fullmatch(path.name) is not None or path.name.lower().endswith(".sha256sums")
        if not is_list and path.suffix.lower() != ".sha256":
            continue
        for digest, about in _lines(listing.folder / name):
            subject = about.removeprefix("./") if about else path.stem
            stated.setdefault((path.parent / subject).as_posix(), []).append((digest, name))
    return stated


def _lines(file: Path) -> list[tuple[str, str]]:
    """Return pairs of digest and name; the name is empty where a line has only a digest."""
    try:
        with open_regular(file) as opened:
            text = opened.read(_MAX_LIST).decode(errors="replace")
    except (OSError, NotRegularFileError):
        return []
    pairs = (_gnu(line.strip()) or _bsd(line.strip()) for line in text.splitlines())
    return [pair for pair in pairs if pair]


def _gnu(line: str) -> tuple[str, str] | None:
    """Parse `DIGEST  NAME`, `DIGEST *NAME` or a digest alone; a leading backslash means that the name has escapes.

    https://www.gnu.org/software/coreutils/manual/html_node/cksum-output-modes.html
    """
    line = line.removeprefix("\\")
    digest, rest = line[:64], line[64:]
    if not _DIGEST.fullmatch(digest) or (rest and not rest[0].isspace()):
        return None
    return digest.lower(), rest.strip().removeprefix("*")


def _bsd(line: str) -> tuple[str, str] | None:
    """Parse `SHA256 (NAME) = DIGEST`."""
    start, _, digest = line.rpartition("=")
    name = start.strip().removeprefix("SHA256").strip()
    if not start.startswith("SHA256") or not _DIGEST.fullmatch(digest.strip()):
        return None
    return (digest.strip().lower(), name[1:-1]) if name[:1] + name[-1:] == "()" else None
