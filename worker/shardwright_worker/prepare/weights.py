"""Checks a source's weights: which files hold them, that each is whole, and that the index tells the truth."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import stays_inside
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.json_files import gguf_words, lora_words
from shardwright_worker.prepare.listing import Listing
from shardwright_worker.prepare.selection import PICKLES, weights_read
from shardwright_worker.safetensors_header import HeaderError, TensorEntry, pickle_damage, read_header

_INDEX, _CONSOLIDATED_INDEX = "model.safetensors.index.json", "consolidated.safetensors.index.json"
_PICKLE_INDEX = "pytorch_model.bin.index.json"
_NAMED = 5  # how many missing things a message names


class Weights(NamedTuple):
    """The files that hold the weights, and their tensors as far as headers tell them."""

    files: list[str]
    tensors: dict[str, TensorEntry]


def check_weights(listing: Listing, content: dict[str, Any], extra_args: Mapping[str, str]) -> Weights:
    """The weights that vLLM will read. SourceIncomplete or SourceCorrupt name the file and what is wrong."""
    tops = [file.name for file in listing.files if "/" not in file.name]
    check_index(content, tops, extra_args)
    safetensors = _held(tops, (".safetensors",))
    if safetensors:
        safetensors = weights_read(safetensors, extra_args)
        index_name = _index_name(safetensors)
        return _check_safetensors(listing, safetensors, index_name, _index(index_name, content.get(index_name)))
    pickles = _held(tops, PICKLES)
    if not pickles:
        raise _no_weights(listing)
    for name in pickles:
        damage = pickle_damage(listing.folder / name)
        if damage:
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} {damage}")
    return Weights(pickles, {})


def check_index(content: dict[str, Any], names: list[str], extra_args: Mapping[str, str]) -> None:
    """SourceIncomplete if the index of the weights that vLLM will read names files that are not among these."""
    safetensors = _held(names, (".safetensors",))
    if safetensors:
        index_names = [_index_name(weights_read(safetensors, extra_args))]
    elif _held(names, PICKLES):
        index_names = [_PICKLE_INDEX]
    else:
        index_names = [_INDEX, _CONSOLIDATED_INDEX, _PICKLE_INDEX]
    for index_name in index_names:
        missing = sorted(set(_index(index_name, content.get(index_name)).values()) - set(names))
        if missing:
            raise WorkerFailure(Reason.SOURCE_INCOMPLETE, f"{_some(missing)}: referenced in {index_name} but missing")


def _held(names: list[str], suffixes: tuple[str, ...]) -> list[str]:
    return [name for name in names if name.endswith(suffixes) and not name.startswith("adapter_model")]


def _index_name(names: list[str]) -> str:
    consolidated = all(name.startswith("consolidated") for name in names)
    return _CONSOLIDATED_INDEX if consolidated else _INDEX


def _index(name: str, content: Any) -> dict[str, str]:
    """The index's map of tensors to files; empty if there is no index."""
    if content is None:
        return {}
    where = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(where, dict) or not all(isinstance(file, str) for file in where.values()):
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} has no weight_map that maps tensors to files")
    for file in set(where.values()):
        if not stays_inside(file):
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} names {file!r}, which is outside the folder")
    return where


def _check_safetensors(listing: Listing, names: list[str], index_name: str, index: dict[str, str]) -> Weights:
    # vLLM ignores files that an index does not name.
    files = sorted(set(index.values())) if index else names
    held: dict[str, dict[str, TensorEntry]] = {}
    for name in files:
        try:
            held[name] = read_header(listing.folder / name)
        except HeaderError as error:
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} {error}") from None
        except OSError as error:
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} cannot be read: {error.strerror}") from None
    absent = sorted(tensor for tensor, file in index.items() if tensor not in held[file])
    if absent:
        places = [f"{tensor} (in {index[tensor]})" for tensor in absent]
        raise WorkerFailure(
            Reason.SOURCE_INCOMPLETE, f"{_some(places)}: named in {index_name}, but not in the files' headers"
        )
    tensors = {tensor: entry for entries in held.values() for tensor, entry in entries.items()}
    if not tensors:
        raise WorkerFailure(Reason.SOURCE_INCOMPLETE, f"{_some(files)}: no tensor is in them")
    return Weights(files, tensors)


def _no_weights(listing: Listing) -> WorkerFailure:
    if any(name.endswith(".gguf") for name in listing.everything):
        return WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, gguf_words(listing))
    if listing.has("adapter_config.json"):
        return WorkerFailure(Reason.UNSUPPORTED_MODEL, lora_words(listing))
    return WorkerFailure(
        Reason.SOURCE_INCOMPLETE, f"{listing.folder} has no weights: no *.safetensors, *.bin or *.pt file is in it"
    )


def _some(things: Iterable[str]) -> str:
    things = list(things)
    rest = f" and {len(things) - _NAMED} more" if len(things) > _NAMED else ""
    return ", ".join(things[:_NAMED]) + rest
