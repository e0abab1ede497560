"""The record beside a fetched source: what its files were, so that a later run can tell whether they still are."""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shardwright_worker.contract.manifest import FileDigest, Source
from shardwright_worker.files.move import move_file
from shardwright_worker.files.regular_file import read_regular, refuse_irregular
from shardwright_worker.files.volume_errors import GONE, unreadable
from shardwright_worker.hub.file_download import HubFile, as_stated
from shardwright_worker.source.file_digests import digest_file
from shardwright_worker.source.listing import Listing

RECORD = ".shardwright-source.json"
_LARGEST = 16 * 1024**2
_TIMES = "times"  # beside the record's own fields, which are the contract's


def recorded_files(folder: Path, digest: str) -> list[FileDigest]:
    """The files' digests as they were when the source was fetched; none if it was not fetched, or is another."""
    record, _times = _read(folder)
    return record.files if record and record.digest == digest else []


def write_record(folder: Path, source: Source) -> None:
    """Note the digests of the files, and their sizes and times as they are now."""
    times = {file.name: _times(folder / file.name) for file in source.files}
    new = folder / (RECORD + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "w") as file:
        json.dump({**source.to_wire(), _TIMES: times}, file)
        file.flush()
        os.fsync(file.fileno())
    move_file(new, folder / RECORD)


def still_there(folder: Path, digest: str, stated: list[HubFile]) -> list[FileDigest] | None:
    """The files' digests if all are there and hold what the hub states; None otherwise.

    A file that nobody touched since it was fetched is taken; any other is read again, and what the hub states decides.
    """
    record, times = _read(folder)
    if record is None or record.digest != digest:
        return None
    known = {file.name: file for file in record.files}
    if known.keys() != {file.name for file in stated}:
        return None
    touched = False
    files = []
    for hub_file in stated:
        file = known[hub_file.name]
        try:
            untouched = times.get(file.name) == _times(folder / file.name)
            if not untouched:
                touched, file = True, digest_file(folder / file.name, file.name, hub_file.size_or(file.size))
        except OSError as error:
            if error.errno not in GONE:
                raise unreadable(error, folder / file.name) from error
            return None
        except ValueError:
            return None
        if not untouched and not as_stated(folder / file.name, file, hub_file, known[file.name]):
            return None
        files.append(file)
    if touched:
        with contextlib.suppress(OSError):  # only the next look would be cheaper
            write_record(folder, record)
    return files


def strangers(folder: Path, names: Iterable[str]) -> list[str]:
    """Of these files of the folder, those that were not fetched."""
    record, _times = _read(folder)
    known = {file.name for file in record.files} if record else set()
    return sorted(set(names) - known)


def is_untouched(folder: Path, listing: Listing) -> bool:
    """Whether the listed files have the sizes and times that the record has of them."""
    _record, times = _read(folder)
    return all(times.get(file.name) == [file.size, file.mtime_ns, file.ctime_ns] for file in listing.files)


def _read(folder: Path) -> tuple[Source | None, dict[str, Any]]:
    try:
        text = read_regular(folder / RECORD, _LARGEST)
        times = json.loads(text).get(_TIMES)
        return Source.model_validate_json(text), times if isinstance(times, dict) else {}
    except OSError as error:
        if error.errno not in GONE:
            raise unreadable(error, folder / RECORD) from error
        return None, {}
    except (ValueError, ValidationError, RecursionError, AttributeError):
        return None, {}


def _times(path: Path) -> list[int]:
    state = os.lstat(path)
    refuse_irregular(path, state)
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns]
