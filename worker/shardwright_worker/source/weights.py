"""Checks a source's weights: which files hold them, that each is complete, and that every tensor is in one file."""

from collections.abc import Mapping
from typing import NamedTuple

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import abbreviate
from shardwright_worker.files.file_signature import find_pickle_damage
from shardwright_worker.files.safetensors_header import HeaderError, TensorEntry, printable_name, read_header
from shardwright_worker.files.tensor_names import TensorNameBudget
from shardwright_worker.source.json_files import gguf_message, lora_message
from shardwright_worker.source.listing import Listing
from shardwright_worker.source.pickle_names import opcode_budget, pickle_tensor_names
from shardwright_worker.source.selection import CONSOLIDATED_INDEX, INDEX, PICKLES, select_index, select_weights
from shardwright_worker.source.source_errors import source_read_failure
from shardwright_worker.source.walk import find_in_subfolders
from shardwright_worker.source.weights_index import read_index

_PICKLE_INDEX = "pytorch_model.bin.index.json"
_NAMED = 5  # files or tensors that a message names
_FLOATS = {"F64", "F32", "F16", "BF16"}


class Weights(NamedTuple):
    """The weight files that vLLM reads, the elements of floating-point tensors in them, and the bytes of all others."""

    files: list[str]
    float_elements: int = 0
    other_bytes: int = 0


class _TensorFiles:
    """The file of each tensor; a tensor in two of them is rejected, since vLLM reads both and the last one wins."""

    def __init__(self, index: Mapping[str, str], index_name: str) -> None:
        self._index, self._index_name = index, index_name
        self._names = TensorNameBudget()
        self.file_of: dict[str, str] = {}

    def add(self, tensor: str, file: str) -> None:
        """Record the file of a tensor; SourceCorrupt if it is in another one, or if the names take too much memory."""
        if problem := self._names.charge(tensor):
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{file} {problem}")
        first = self.file_of.setdefault(tensor, file)
        if first == file:
            return
        stated = f", and {self._index_name} says {self._index[tensor]}" if tensor in self._index else ""
        raise WorkerFailure(
            Reason.SOURCE_CORRUPT,
            f"tensor {printable_name(tensor)} is in {first} and in {file} as well{stated}: vLLM reads both, and the "
            "last one would win; remove the file that is not part of the model, or save the weights again",
        )


def check_weights(listing: Listing, extra_args: Mapping[str, str]) -> Weights:
    """Return the weights that vLLM will read.

    Raises:
        WorkerFailure: SourceIncomplete or SourceCorrupt name the file and what is wrong with it.
    """
    tops = [file.name for file in listing.files if "/" not in file.name]
    _check_subfolders(listing, tops, extra_args)
    check_index(listing, tops, extra_args)
    files = _read_by_vllm(tops, extra_args)
    if not files:
        raise _no_weights(listing, extra_args, tops)
    if files[0].endswith(".safetensors"):
        return _check_safetensors(listing, files, select_index(files, extra_args))
    _check_pickles(listing, files)
    return Weights(files)


def check_index(listing: Listing, names: list[str], extra_args: Mapping[str, str]) -> None:
    """Check that `names` has every file that the index of the weights refers to.

    Raises:
        WorkerFailure: SourceIncomplete names the missing files.
    """
    files = _read_by_vllm(names, extra_args)
    if not files:
        index_names = [INDEX, CONSOLIDATED_INDEX, _PICKLE_INDEX]
    else:
        index_names = [select_index(files, extra_args) if files[0].endswith(".safetensors") else _PICKLE_INDEX]
    for index_name in index_names:
        if not index_name or not listing.has(index_name):
            continue
        missing = sorted(set(read_index(listing, index_name).values()) - set(files))
        if missing:
            raise WorkerFailure(
                Reason.SOURCE_INCOMPLETE, f"{abbreviate(missing, _NAMED)}: referenced in {index_name} but missing"
            )


def _check_subfolders(listing: Listing, tops: list[str], extra_args: Mapping[str, str]) -> None:
    """Reject Mistral's own weights in a subfolder: vLLM searches all folders for them, but reads those at the top only.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/model_loader/default_loader.py#L168
    """
    if extra_args.get("load_format", "auto") != "auto" or any(name.startswith("consolidated") for name in tops):
        return
    below = find_in_subfolders(listing.folder, "consolidated*.safetensors")
    if below:
        raise WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"vLLM loads the source in Mistral's own format because of {below}, and does not find weights of that "
            "format at the top: set load_format: safetensors in spec.engine.extraArgs, or move that file away",
        )


def _read_by_vllm(names: list[str], extra_args: Mapping[str, str]) -> list[str]:
    files = select_weights(names, extra_args)
    return [] if all(name.startswith("adapter_model") for name in files) else files


def _check_safetensors(listing: Listing, names: list[str], index_name: str) -> Weights:
    index = read_index(listing, index_name) if index_name and listing.has(index_name) else {}
    # vLLM ignores files that an index does not name.
    files = sorted(set(index.values())) if index else names
    tensors = _TensorFiles(index, index_name)
    found = floats = others = 0
    for name in files:
        for tensor, entry in _header(listing, name).items():
            tensors.add(tensor, name)
            found += index.get(tensor) == name
            if entry.dtype in _FLOATS:
                floats += entry.elements
            else:
                others += entry.end - entry.begin
    if found != len(index):
        raise _missing_tensors(index, tensors.file_of, index_name)
    if not tensors.file_of:
        raise WorkerFailure(Reason.SOURCE_INCOMPLETE, f"{abbreviate(files, _NAMED)}: no tensors in the weight files")
    return Weights(files, floats, others)


def _header(listing: Listing, name: str) -> dict[str, TensorEntry]:
    try:
        return read_header(listing.folder / name)
    except HeaderError as error:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} {error}") from None
    except OSError as error:
        raise source_read_failure(name, listing.folder / name, error) from None


def _missing_tensors(index: Mapping[str, str], file_of: Mapping[str, str], index_name: str) -> WorkerFailure:
    missing = sorted(tensor for tensor, file in index.items() if file_of.get(tensor) != file)
    named = [f"{printable_name(tensor)} (in {index[tensor]})" for tensor in missing[:_NAMED]]
    found = file_of.get(missing[0])
    elsewhere = f"; {printable_name(missing[0])} is in {found}" if found else ""
    return WorkerFailure(
        Reason.SOURCE_INCOMPLETE,
        f"{abbreviate(named, _NAMED, total=len(missing))}: named in {index_name}, but not in the headers of the files"
        f"{elsewhere}",
    )


def _check_pickles(listing: Listing, files: list[str]) -> None:
    tensors = _TensorFiles({}, "")
    opcodes = opcode_budget()
    for name in files:
        path = listing.folder / name
        try:
            damage = find_pickle_damage(path)
            names = [] if damage else pickle_tensor_names(path, opcodes)
        except OSError as error:
            raise source_read_failure(name, path, error) from None
        if damage:
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} {damage}")
        for tensor in names:
            tensors.add(tensor, name)


def _no_weights(listing: Listing, extra_args: Mapping[str, str], tops: list[str]) -> WorkerFailure:
    if any(name.endswith(".gguf") for name in listing.all_names):
        return WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, gguf_message(listing))
    if listing.has("adapter_config.json"):
        return WorkerFailure(Reason.UNSUPPORTED_MODEL, lora_message(listing))
    others = [name for name in tops if name.endswith((".safetensors", *PICKLES))]
    if others and "load_format" in extra_args:
        return WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"load_format {extra_args['load_format']} reads none of the weights of the source "
            f"({abbreviate(others, _NAMED)}): remove it",
        )
    return WorkerFailure(
        Reason.SOURCE_INCOMPLETE, f"{listing.folder} has no weights: it holds no *.safetensors, *.bin or *.pt file"
    )
