"""The record beside a download: digests, sizes and times of its files, so that a later run can verify them cheaply."""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shardwright_worker.contract.manifest import FileDigest, Source
from shardwright_worker.files.regular_file import read_regular, require_regular_file
from shardwright_worker.files.rename import move_file
from shardwright_worker.files.volume_errors import NOT_FOUND, volume_read_failure
from shardwright_worker.hub.hub_file import HubFile, matches_hub
from shardwright_worker.source.file_digests import digest_file
from shardwright_worker.source.listing import Listing

RECORD = ".shardwright-source.json"
_MAX_RECORD = 16 * 1024**2  # bytes
_TIMES = "times"  # the key of sizes and times, beside the fields of the contract's Source


def recorded_files(folder: Path, digest: str) -> list[FileDigest]:
    """Return the digests that were recorded for a download, none if the folder has no record of this source.

    Raises:
        WorkerFailure: the volume does not answer.
    """
    record, _times = _read(folder)
    return record.files if record and record.digest == digest else []


def write_record(folder: Path, source: Source) -> None:
    """Record the digests of the files with their current sizes and times.

    Raises:
        OSError: the record cannot be written, or a file is missing.
    """
    times = {file.name: _times(folder / file.name) for file in source.files}
    new = folder / (RECORD + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "w") as file:
        json.dump({**source.to_wire(), _TIMES: times}, file)
        file.flush()
        os.fsync(file.fileno())
    move_file(new, folder / RECORD)


def verify_download(folder: Path, digest: str, stated: list[HubFile]) -> list[FileDigest] | None:
    """Return the digests of the files if all are present and hold what the Hub states, or None.

    A file whose size and times are unchanged is accepted without reading. Any other is read again and compared with
    what the Hub states.

    Raises:
        WorkerFailure: the volume does not answer.
    """
    record, times = _read(folder)
    if record is None or record.digest != digest:
        return None
    known = {file.name: file for file in record.files}
    if known.keys() != {file.name for file in stated}:
        return None
    changed = False
    files = []
    for hub_file in stated:
        file = known[hub_file.name]
        try:
            unchanged = times.get(file.name) == _times(folder / file.name)
            if not unchanged:
                changed, file = True, digest_file(folder / file.name, file.name, hub_file.size_or(file.size))
        except OSError as error:
            if error.errno not in NOT_FOUND:
                raise volume_read_failure(error, folder / file.name) from error
            return None
        except ValueError:
            return None
        if not unchanged and not matches_hub(folder / file.name, file, hub_file, known[file.name]):
            return None
        files.append(file)
    if changed:
        with contextlib.suppress(OSError):  # without new times the next run reads the files again, no more
            write_record(folder, record)
    return files


def unrecorded_files(folder: Path, names: Iterable[str]) -> list[str]:
    """Return those of these files of the folder that were not downloaded, sorted."""
    record, _times = _read(folder)
    known = {file.name for file in record.files} if record else set()
    return sorted(set(names) - known)


def is_unchanged(folder: Path, listing: Listing) -> bool:
    """Return whether the listed files have the sizes and times of the record."""
    _record, times = _read(folder)
    return all(times.get(file.name) == [file.size, file.mtime_ns, file.ctime_ns] for file in listing.files)


def _read(folder: Path) -> tuple[Source | None, dict[str, Any]]:
    try:
        text = read_regular(folder / RECORD, _MAX_RECORD)
        times = json.loads(text).get(_TIMES)
        return Source.model_validate_json(text), times if isinstance(times, dict) else {}
    except OSError as error:
        if error.errno not in NOT_FOUND:
            raise volume_read_failure(error, folder / RECORD) from error
        return None, {}
    except (ValueError, ValidationError, RecursionError, AttributeError):
        return None, {}


def _times(path: Path) -> list[int]:
    state = os.lstat(path)
    require_regular_file(path, state)
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns]
