"""The files beside the weights: all that belong to the model are copied, and config.json put right for shards."""

import json
import os
import shutil
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.listing import Listing
from shardwright_worker.prepare.modules import module_folders
from shardwright_worker.prepare.selection import is_metadata
from shardwright_worker.regular_file import NotRegular, open_regular

_CODE, _CONFIGURATION_CODE = ("*.py", "*.so", "*.sh"), "configuration_*.py"
_QUANTIZATION = ("quantize_config.json", "quant_config.json")


def metadata_names(listing: Listing, trust_remote_code: bool) -> list[str]:
    """Names of the files that go into the artifact as they are, sorted. SourceCorrupt for a link that leads away."""
    modules = module_folders(listing.folder)
    names = [file.name for file in listing.files if is_metadata(file.name, file.size, modules)]
    kept = sorted(name for name in names if trust_remote_code or not _is_code(name))
    for name in kept:
        _refuse_stranger(listing.folder, name)
    return kept


def copy_metadata(source: Path, target: Path, names: Iterable[str]) -> None:
    """Copy these files: regular ones alone, whatever has taken their place."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            with open_regular(source / name) as file, (target / name).open("xb") as copy:
                shutil.copyfileobj(file, copy, 1024**2)
        except NotRegular as error:
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} {error}") from None


def _is_code(name: str) -> bool:
    last = PurePosixPath(name).name
    return any(fnmatch(last, pattern) for pattern in _CODE) and not fnmatch(last, _CONFIGURATION_CODE)


def _refuse_stranger(folder: Path, name: str) -> None:
    """A link may stay inside the folder, or lead to the blobs of a hub's cache, whose snapshots are links."""
    real, root = Path(os.path.realpath(folder / name)), Path(os.path.realpath(folder))
    blobs = root.parent.parent / "blobs" if root.parent.name == "snapshots" else root
    if not real.is_relative_to(root) and not real.is_relative_to(blobs):
        message = f"{name} leads out of the source's folder, to {real}: put a copy of the file there"
        raise WorkerFailure(Reason.SOURCE_CORRUPT, message)


def correct_config(target: Path, untied: bool, dtype: str, quantization: dict[str, Any]) -> None:
    """Write into the artifact's config.json what vLLM would otherwise guess from the weights of a plain checkpoint.

    `untied`: head and embeddings differ although the config ties them. `dtype`: of the weights, which settings may have
    changed. `quantization`: lists that vLLM inferred.
    """
    path = target / "config.json"
    if not path.exists():
        return
    config = json.loads(path.read_text())
    inner = config.get("text_config")
    parts = [config, inner] if isinstance(inner, dict) else [config]
    if untied:
        for part in parts:
            part["tie_word_embeddings"] = False
    _set_dtype(parts, dtype)
    quantized = [part["quantization_config"] for part in parts if isinstance(part.get("quantization_config"), dict)]
    for part in quantized:
        _complete(part, quantization)
    path.write_text(json.dumps(config, indent=2) + "\n")
    if not quantized and quantization:
        _complete_files(target, quantization)


def _complete_files(target: Path, quantization: dict[str, Any]) -> None:
    """Older checkpoints keep their quantisation in a file of its own, which vLLM reads if config.json has none."""
    for file in (target / name for name in _QUANTIZATION if (target / name).exists()):
        beside = json.loads(file.read_text())
        _complete(beside, quantization)
        file.write_text(json.dumps(beside, indent=2) + "\n")


def _set_dtype(parts: list[dict[str, Any]], dtype: str) -> None:
    """Under the names that are there. Parts of a model with several, such as a vision tower, keep theirs."""
    there = [(part, name) for part in parts for name in ("torch_dtype", "dtype") if isinstance(part.get(name), str)]
    for part, name in there or [(parts[0], "torch_dtype")]:
        part[name] = dtype


def _complete(part: dict[str, Any], lists: dict[str, Any]) -> None:
    part.update({name: names for name, names in lists.items() if not part.get(name)})


def inferred_quantization(quant_config: Any) -> dict[str, Any]:
    """The lists that vLLM derived from the source's safetensors headers; in shards the names are fused."""
    found = {}
    for name in ("modules_in_block_to_quantize", "modules_to_not_convert"):
        value = getattr(quant_config, name, None)
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            found[name] = value
    return found
