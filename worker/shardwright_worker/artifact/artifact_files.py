"""Compares the files of an artifact with its manifest without reading their data: kind, size and header."""

import stat
from pathlib import Path

from shardwright_worker.contract.manifest import Manifest, Part
from shardwright_worker.files.nofollow import list_folder, lstat_below
from shardwright_worker.files.safetensors_header import HeaderError, read_header
from shardwright_worker.files.volume_errors import volume_read_errors

_LOADED = ".safetensors"


def file_sizes(manifest: Manifest) -> dict[str, int]:
    """Return the size in bytes of every file that the manifest names, by its relative name."""
    parts = {part.file: part.size for part in manifest.parts}
    return {**parts, **{file.name: file.size for file in manifest.metadata}}


def wrong_files(folder: Path, manifest: Manifest) -> list[str]:
    """Return what is wrong with kinds, sizes and headers of the files, one line each.

    Raises:
        WorkerFailure: the volume does not answer.
    """
    wrong = [*_wrong_sizes(folder, manifest), *_unknown_weights(folder, manifest)]
    return wrong or [line for part in manifest.parts for line in _wrong_header(folder, part)]


def _wrong_sizes(folder: Path, manifest: Manifest) -> list[str]:
    wrong = []
    for name, size in file_sizes(manifest).items():
        state = lstat_below(folder, name)
        if state is None:
            wrong.append(f"{name} is missing")
        elif stat.S_ISLNK(state.st_mode):
            wrong.append(f"{name} is a link, or behind one: an artifact's files are in its own folder")
        elif not stat.S_ISREG(state.st_mode):
            wrong.append(f"{name} is not a regular file")
        elif state.st_size != size:
            wrong.append(f"{name} has {state.st_size} bytes instead of {size}")
    return wrong


def _unknown_weights(folder: Path, manifest: Manifest) -> list[str]:
    """Return weight files that the manifest does not name.

    vLLM loads every file that matches the pattern of a rank:
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/sharded_state_loader.py
    """
    weights = {name for name in list_folder(folder) if name.endswith(_LOADED)}
    unknown = sorted(weights - {*file_sizes(manifest)})
    return [f"{name} is not in the manifest, and vLLM might load it" for name in unknown]


def _wrong_header(folder: Path, part: Part) -> list[str]:
    path = folder / part.file
    try:
        with volume_read_errors(path):
            entries = read_header(path)
    except HeaderError as error:
        return [f"{part.file} {error}"]
    except OSError:
        return [f"{part.file} is missing"]
    recorded = {tensor.name: (tensor.dtype, tuple(tensor.shape)) for tensor in part.tensors}
    found = {name: (entry.dtype, entry.shape) for name, entry in entries.items()}
    lines = [f"{part.file} lacks tensor {name}" for name in sorted(recorded.keys() - found.keys())]
    lines += [f"{part.file} holds an unknown tensor {name}" for name in sorted(found.keys() - recorded.keys())]
    for name in sorted(recorded.keys() & found.keys()):
        if recorded[name] != found[name]:
            before, now = _format(*recorded[name]), _format(*found[name])
            lines.append(f"{part.file}: tensor {name} is {now} instead of {before}")
    return lines


def _format(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype} {list(shape)}"
