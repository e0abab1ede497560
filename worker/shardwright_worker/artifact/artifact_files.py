"""Compares the files of an artifact with its manifest, without reading their data: kind, size, header."""

import stat
from pathlib import Path

from shardwright_worker.contract.manifest import Manifest, Part
from shardwright_worker.files.safetensors_header import HeaderError, read_header
from shardwright_worker.files.volume_errors import reading
from shardwright_worker.files.volume_paths import entries, look_inside

_LOADED = ".safetensors"


def file_sizes(manifest: Manifest) -> dict[str, int]:
    """Size of every file that the manifest names."""
    parts = {part.file: part.size for part in manifest.parts}
    return {**parts, **{file.name: file.size for file in manifest.metadata}}


def wrong_files(folder: Path, manifest: Manifest) -> list[str]:
    """What is wrong with sizes, kinds and headers, one line each. VolumeUnavailable if that cannot be known."""
    wrong = [*wrong_sizes(folder, manifest), *_unnamed(folder, manifest)]
    return wrong or [line for part in manifest.parts for line in _wrong_header(folder, part)]


def wrong_sizes(folder: Path, manifest: Manifest) -> list[str]:
    """What is wrong with the files' kinds and sizes, one line each."""
    wrong = []
    for name, size in file_sizes(manifest).items():
        state = look_inside(folder, name)
        if state is None:
            wrong.append(f"{name} is missing")
        elif stat.S_ISLNK(state.st_mode):
            wrong.append(f"{name} is a link, or behind one: an artifact's files lie in its own folder")
        elif not stat.S_ISREG(state.st_mode):
            wrong.append(f"{name} is no regular file")
        elif state.st_size != size:
            wrong.append(f"{name} has {state.st_size} bytes instead of {size}")
    return wrong


def _unnamed(folder: Path, manifest: Manifest) -> list[str]:
    """vLLM loads whatever has a part's name, recorded or not."""
    there = {name for name in entries(folder) if name.endswith(_LOADED)}
    strangers = sorted(there - {*file_sizes(manifest)})
    return [f"{name} is not in the manifest, and vLLM might load it" for name in strangers]


def _wrong_header(folder: Path, part: Part) -> list[str]:
    path = folder / part.file
    try:
        with reading(path):
            entries = read_header(path)
    except HeaderError as error:
        return [f"{part.file} {error}"]
    except OSError:
        return [f"{part.file} is missing"]
    recorded = {tensor.name: (tensor.dtype, tuple(tensor.shape)) for tensor in part.tensors}
    there = {name: (entry.dtype, entry.shape) for name, entry in entries.items()}
    lines = [f"{part.file} lacks tensor {name}" for name in sorted(recorded.keys() - there.keys())]
    lines += [f"{part.file} holds an unknown tensor {name}" for name in sorted(there.keys() - recorded.keys())]
    for name in sorted(recorded.keys() & there.keys()):
        if recorded[name] != there[name]:
            was, now = _form(*recorded[name]), _form(*there[name])
            lines.append(f"{part.file}: tensor {name} is {now} instead of {was}")
    return lines


def _form(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype} {list(shape)}"
