"""Copies the files beside the weights, and completes config.json for shards."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.regular_file import NotRegularFileError, open_regular

# Files that vLLM reads a quantization from if config.json has none:
# https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/layers/quantization/auto_awq.py#L237-L238
_QUANTIZATION = ("quantize_config.json", "quant_config.json")


def copy_metadata(source: Path, target: Path, names: Iterable[str]) -> None:
    """Copy these files of the source to the same names in `target`.

    Raises:
        WorkerFailure: SourceCorrupt, if something other than a regular file has taken the place of one.
        OSError: of the source or the output.
    """
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            with open_regular(source / name) as file, (target / name).open("xb") as copy:
                shutil.copyfileobj(file, copy, 1024**2)
        except NotRegularFileError as error:
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} {error}") from None


def correct_config(target: Path, untied: bool, dtype: str, quantization: dict[str, Any]) -> None:
    """Write into the artifact's config.json what vLLM infers from the weights of an ordinary checkpoint.

    `untied`: output head and embeddings differ although the config ties them. `dtype`: of the weights, which settings
    may have changed. `quantization`: lists of modules that vLLM inferred.
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
    """Complete the quantization of older checkpoints, which have it in a file of its own."""
    for file in (target / name for name in _QUANTIZATION if (target / name).exists()):
        beside = json.loads(file.read_text())
        _complete(beside, quantization)
        file.write_text(json.dumps(beside, indent=2) + "\n")


def _set_dtype(parts: list[dict[str, Any]], dtype: str) -> None:
    """Set it under the names in use. Other parts of a model, such as a vision tower, keep theirs."""
    there = [(part, name) for part in parts for name in ("torch_dtype", "dtype") if isinstance(part.get(name), str)]
    for part, name in there or [(parts[0], "torch_dtype")]:
        part[name] = dtype


def _complete(part: dict[str, Any], lists: dict[str, Any]) -> None:
    part.update({name: names for name, names in lists.items() if not part.get(name)})
