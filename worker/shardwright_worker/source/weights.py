"""Checks a source's weights: which files hold them, that each is whole, and that every tensor is in one place."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.file_signature import pickle_damage
from shardwright_worker.files.safetensors_header import HeaderError, TensorEntry, read_header, shown
from shardwright_worker.files.tensor_names import NamesKept
from shardwright_worker.source.json_files import gguf_words, lora_words
from shardwright_worker.source.listing import Listing
from shardwright_worker.source.pickle_names import instructions_left, tensor_names
from shardwright_worker.source.read_errors import unreadable
from shardwright_worker.source.selection import CONSOLIDATED_INDEX, INDEX, PICKLES, index_read, weights_read
from shardwright_worker.source.walk import first_below
from shardwright_worker.source.weights_index import read_index

_PICKLE_INDEX = "pytorch_model.bin.index.json"
_NAMED = 5  # how many missing things a message names
_FLOATS = {"F64", "F32", "F16", "BF16"}


class Weights(NamedTuple):
    """The files that vLLM reads, and how many elements and bytes their headers tell of."""

    files: list[str]
    float_elements: int = 0
    other_bytes: int = 0


def check_weights(listing: Listing, extra_args: Mapping[str, str]) -> Weights:
    """The weights that vLLM will read. SourceIncomplete or SourceCorrupt name the file and what is wrong."""
    tops = [file.name for file in listing.files if "/" not in file.name]
    _check_below(listing, tops, extra_args)
    check_index(listing, tops, extra_args)
    files = _read_by_vllm(tops, extra_args)
    if not files:
        raise _no_weights(listing, extra_args, tops)
    if files[0].endswith(".safetensors"):
        return _check_safetensors(listing, files, index_read(files, extra_args))
    _check_pickles(listing, files)
    return Weights(files)


def check_index(listing: Listing, names: list[str], extra_args: Mapping[str, str]) -> None:
    """SourceIncomplete if the index of the weights that vLLM will read names files that are not among these."""
    files = _read_by_vllm(names, extra_args)
    if not files:
        index_names = [INDEX, CONSOLIDATED_INDEX, _PICKLE_INDEX]
    else:
        index_names = [index_read(files, extra_args) if files[0].endswith(".safetensors") else _PICKLE_INDEX]
    for index_name in index_names:
        if not index_name or not listing.has(index_name):
            continue
        missing = sorted(set(read_index(listing, index_name).values()) - set(files))
        if missing:
            raise WorkerFailure(Reason.SOURCE_INCOMPLETE, f"{_some(missing)}: referenced in {index_name} but missing")


def _check_below(listing: Listing, tops: list[str], extra_args: Mapping[str, str]) -> None:
    """vLLM looks for Mistral's own weights in all folders, and reads those at the top: it would find none to read."""
    if extra_args.get("load_format", "auto") != "auto" or any(name.startswith("consolidated") for name in tops):
        return
    below = first_below(listing.folder, "consolidated*.safetensors")
    if below:
        raise WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"vLLM takes the source for one in Mistral's own format because of {below}, and does not read it there: "
            "set load_format: safetensors in spec.engine.extraArgs, or move that file out of the folder",
        )


def _read_by_vllm(names: list[str], extra_args: Mapping[str, str]) -> list[str]:
    files = weights_read(names, extra_args)
    return [] if all(name.startswith("adapter_model") for name in files) else files


def _check_safetensors(listing: Listing, names: list[str], index_name: str) -> Weights:
    index = read_index(listing, index_name) if index_name and listing.has(index_name) else {}
    # vLLM ignores files that an index does not name.
    files = sorted(set(index.values())) if index else names
    places: dict[str, str] = {}
    kept = NamesKept()
    found = floats = others = 0
    for name in files:
        for tensor, entry in _header(listing, name).items():
            _keep(kept, tensor, name)
            _take(tensor, name, places, index, index_name)
            found += index.get(tensor) == name
            if entry.dtype in _FLOATS:
                floats += entry.elements
            else:
                others += entry.end - entry.begin
    if found != len(index):
        raise _absent(index, places, index_name)
    if not places:
        raise WorkerFailure(Reason.SOURCE_INCOMPLETE, f"{_some(files)}: no tensor is in them")
    return Weights(files, floats, others)


def _header(listing: Listing, name: str) -> dict[str, TensorEntry]:
    try:
        return read_header(listing.folder / name)
    except HeaderError as error:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} {error}") from None
    except OSError as error:
        raise unreadable(name, listing.folder / name, error) from None


def _keep(kept: NamesKept, tensor: str, file: str) -> None:
    """SourceCorrupt if the names of the files that were read do not fit in memory with this one."""
    excess = kept.excess(tensor)
    if excess:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{file} {excess}")


def _take(tensor: str, file: str, places: dict[str, str], index: Mapping[str, str], index_name: str) -> None:
    """Note where a tensor is; SourceCorrupt if it is in two files, for vLLM reads both and the last one would win."""
    first = places.setdefault(tensor, file)
    if first != file:
        stated = f", and {index_name} says {index[tensor]}" if tensor in index else ""
        raise _twice(tensor, first, file, stated)


def _twice(tensor: str, first: str, second: str, stated: str = "") -> WorkerFailure:
    return WorkerFailure(
        Reason.SOURCE_CORRUPT,
        f"tensor {shown(tensor)} is in {first} and in {second} as well{stated}: vLLM reads both, and nobody can say "
        "which is meant; remove the file that is not the model's, or write the weights anew",
    )


def _absent(index: Mapping[str, str], places: Mapping[str, str], index_name: str) -> WorkerFailure:
    absent = sorted(tensor for tensor, file in index.items() if places.get(tensor) != file)
    named = [f"{shown(tensor)} (in {index[tensor]})" for tensor in absent[: _NAMED + 1]]
    there = places.get(absent[0])
    where = f"; {shown(absent[0])} is in {there}" if there else ""
    return WorkerFailure(
        Reason.SOURCE_INCOMPLETE,
        f"{_some(named, len(absent))}: named in {index_name}, but not in the files' headers{where}",
    )


def _check_pickles(listing: Listing, files: list[str]) -> None:
    places: dict[str, str] = {}
    kept, left = NamesKept(), instructions_left()
    for name in files:
        path = listing.folder / name
        try:
            damage = pickle_damage(path)
            names = [] if damage else tensor_names(path, left)
        except OSError as error:
            raise unreadable(name, path, error) from None
        if damage:
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} {damage}")
        for tensor in names:
            _keep(kept, tensor, name)
            first = places.setdefault(tensor, name)
            if first != name:
                raise _twice(tensor, first, name)


def _no_weights(listing: Listing, extra_args: Mapping[str, str], tops: list[str]) -> WorkerFailure:
    if any(name.endswith(".gguf") for name in listing.everything):
        return WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, gguf_words(listing))
    if listing.has("adapter_config.json"):
        return WorkerFailure(Reason.UNSUPPORTED_MODEL, lora_words(listing))
    others = [name for name in tops if name.endswith((".safetensors", *PICKLES))]
    if others and "load_format" in extra_args:
        return WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"load_format {extra_args['load_format']} reads none of the weights that are there ({_some(others)}): "
            "leave it out",
        )
    return WorkerFailure(
        Reason.SOURCE_INCOMPLETE, f"{listing.folder} has no weights: no *.safetensors, *.bin or *.pt file is in it"
    )


def _some(things: Iterable[str], count: int | None = None) -> str:
    things = list(things)
    more = (count or len(things)) - _NAMED
    return ", ".join(things[:_NAMED]) + (f" and {more} more" if more > 0 else "")
