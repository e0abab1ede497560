"""Reads the index of a model's weights, which says in which file each tensor is."""

import os
import sys

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import stays_inside
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.json_reader import JsonError, JsonReader
from shardwright_worker.files.regular_file import NotRegular, open_regular
from shardwright_worker.files.safetensors_header import shown
from shardwright_worker.files.tensor_names import NamesKept
from shardwright_worker.source.listing import Listing
from shardwright_worker.source.read_errors import unreadable

_MOST_TENSORS = 1_000_000
_LONGEST_FILE_NAME = 255


def read_index(listing: Listing, name: str) -> dict[str, str]:
    """The index's map of tensors to files. SourceCorrupt unless it maps each of its tensors to one file inside."""
    path = listing.folder / name
    try:
        with open_regular(path) as file:
            where = _weight_map(name, JsonReader(file, os.fstat(file.fileno()).st_size))
    except (OSError, NotRegular) as error:
        raise unreadable(name, path, error) from None
    except JsonError as error:
        raise _corrupt(f"{name} is not a valid JSON file: {error}") from None
    if not where:
        raise _corrupt(f"{name} has no weight_map that maps tensors to files")
    for each in set(where.values()):
        if not stays_inside(each):
            raise _outside(name, each)
    return where


def _weight_map(name: str, reader: JsonReader) -> dict[str, str]:
    where: dict[str, str] | None = None
    if reader.kind() != "{":
        raise _corrupt(f"{name} has no weight_map that maps tensors to files")
    for key in reader.members():
        if key != "weight_map" or reader.kind() != "{":
            reader.skip()
            continue
        if where is not None:
            raise _corrupt(f"{name} has two objects called weight_map: write the index anew")
        where = _entries(name, reader)
    reader.end()
    return where or {}


def _entries(name: str, reader: JsonReader) -> dict[str, str]:
    where: dict[str, str] = {}
    kept = NamesKept()
    for tensor in reader.members():
        excess = kept.excess(tensor)
        if excess:
            raise _corrupt(f"{name} {excess}")
        file = reader.value()
        if not isinstance(file, str):
            raise _corrupt(f"{name} has no weight_map that maps tensors to files: {tensor[:200]!r} has none")
        if len(file) > _LONGEST_FILE_NAME:
            raise _outside(name, file)
        if tensor in where:
            raise _corrupt(
                f"{name} names tensor {shown(tensor)} twice, in {where[tensor]} and in {file}: keep the true entry, or "
                "write the index anew"
            )
        if len(where) == _MOST_TENSORS:
            raise _corrupt(f"{name} names more than {_MOST_TENSORS} tensors")
        where[tensor] = sys.intern(file)
    return where


def _outside(name: str, file: str) -> WorkerFailure:
    return _corrupt(f"{name} names {file[:80]!r}, which is outside the folder")


def _corrupt(message: str) -> WorkerFailure:
    return WorkerFailure(Reason.SOURCE_CORRUPT, message)
