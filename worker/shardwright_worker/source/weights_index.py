"""Reads the index of a model's weights, which maps each tensor to its file.

https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/weight_utils.py#L585
"""

import os
import sys

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import stays_inside
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.json_reader import JsonReader
from shardwright_worker.files.json_tokens import JsonError
from shardwright_worker.files.regular_file import NotRegularFileError, open_regular
from shardwright_worker.files.safetensors_header import printable_name
from shardwright_worker.files.tensor_names import TensorNameBudget
from shardwright_worker.source.listing import Listing
from shardwright_worker.source.source_errors import source_read_failure

_MAX_TENSORS = 1_000_000
_MAX_FILE_NAME = 255  # characters


def read_index(listing: Listing, name: str) -> dict[str, str]:
    """Return the index's map of tensors to files.

    Raises:
        WorkerFailure: SourceCorrupt unless each tensor is mapped once, to a file inside the folder.
    """
    path = listing.folder / name
    try:
        with open_regular(path) as file:
            files = _weight_map(name, JsonReader(file, os.fstat(file.fileno()).st_size))
    except (OSError, NotRegularFileError) as error:
        raise source_read_failure(name, path, error) from None
    except JsonError as error:
        raise _corrupt(f"{name} is not a valid JSON file: {error}") from None
    if not files:
        raise _corrupt(f"{name} has no weight_map that maps tensors to files")
    for each in set(files.values()):
        if not stays_inside(each):
            raise _outside(name, each)
    return files


def _weight_map(name: str, reader: JsonReader) -> dict[str, str]:
    files: dict[str, str] | None = None
    if reader.kind() != "{":
        raise _corrupt(f"{name} has no weight_map that maps tensors to files")
    for key in reader.members():
        if key != "weight_map" or reader.kind() != "{":
            reader.skip()
            continue
        if files is not None:
            raise _corrupt(f"{name} has two objects called weight_map: recreate the index")
        files = _entries(name, reader)
    reader.end()
    return files or {}


def _entries(name: str, reader: JsonReader) -> dict[str, str]:
    files: dict[str, str] = {}
    budget = TensorNameBudget()
    for tensor in reader.members():
        problem = budget.charge(tensor)
        if problem:
            raise _corrupt(f"{name} {problem}")
        file = reader.value()
        if not isinstance(file, str):
            raise _corrupt(f"{name} has no weight_map that maps tensors to files: {tensor[:200]!r} has no file")
        if len(file) > _MAX_FILE_NAME:
            raise _outside(name, file)
        if tensor in files:
            twice = f"{name} names tensor {printable_name(tensor)} twice, in {files[tensor]} and in {file}"
            raise _corrupt(f"{twice}: keep the correct entry, or recreate the index")
        if len(files) == _MAX_TENSORS:
            raise _corrupt(f"{name} names more than {_MAX_TENSORS} tensors")
        files[tensor] = sys.intern(file)
    return files


def _outside(name: str, file: str) -> WorkerFailure:
    return _corrupt(f"{name} names {file[:80]!r}, which is outside the folder")


def _corrupt(message: str) -> WorkerFailure:
    return WorkerFailure(Reason.SOURCE_CORRUPT, message)
