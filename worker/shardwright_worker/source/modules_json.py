"""The folders of a sentence-transformers model: those that its modules.json names, with their weights.

vLLM reads the pooling and the projection of an embedding model from them:
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/transformers_utils/config.py#L967
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/models/adapters.py#L40
The file's format: https://sbert.net/docs/sentence_transformer/usage/custom_models.html
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import stays_inside
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.regular_file import read_regular
from shardwright_worker.source.source_errors import source_read_failure

MODULES = "modules.json"
_MAX_BYTES, _MAX_MODULES = 1024 * 1024, 100
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def module_folders(folder: Path) -> list[str]:
    """Return the folders that modules.json names, none without such a file.

    Raises:
        WorkerFailure: SourceCorrupt if the file is not valid or names a folder outside the model.
    """
    return [path for path, _kind in _read(folder)]


def check_modules(folder: Path, names: Collection[str]) -> None:
    """Check that the files are present without which vLLM would pool or project differently.

    Raises:
        WorkerFailure: SourceIncomplete names the missing file.
    """
    for path, kind in _read(folder):
        if kind.endswith(".Pooling") and f"{path}/config.json" not in names:
            raise _missing(f"{path}/config.json", "how tokens are pooled")
        if kind.endswith(".Dense"):
            if f"{path}/config.json" not in names:
                raise _missing(f"{path}/config.json", "the shape of the projection")
            if not any(f"{path}/{name}" in names for name in _WEIGHTS):
                raise _missing(f"{path}/{_WEIGHTS[0]}", "the projection's weights")


def _missing(name: str, what: str) -> WorkerFailure:
    return WorkerFailure(Reason.SOURCE_INCOMPLETE, f"{name} is missing: {MODULES} names its folder, and it says {what}")


def _read(folder: Path) -> list[tuple[str, str]]:
    try:
        content = json.loads(read_regular(folder / MODULES, _MAX_BYTES))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise source_read_failure(MODULES, folder / MODULES, error) from None
    except (ValueError, RecursionError) as error:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{MODULES} is not a valid JSON file: {error}") from None
    return _modules(content)


def _modules(content: Any) -> list[tuple[str, str]]:
    """Return path and type of each module with a folder of its own: the path of the transformer itself is empty."""
    modules = content.get("modules", []) if isinstance(content, dict) else content
    if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{MODULES} is not a list of modules")
    if len(modules) > _MAX_MODULES:
        raise WorkerFailure(
            Reason.SOURCE_CORRUPT, f"{MODULES} names {len(modules)} modules, the limit is {_MAX_MODULES}"
        )
    found = []
    for each in modules:
        path, kind = each.get("path", ""), each.get("type", "")
        if not isinstance(path, str) or not isinstance(kind, str):
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{MODULES} has a module whose path or type is not a string")
        path = path.rstrip("/")
        if path in ("", "."):
            continue
        if not stays_inside(path):
            raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{MODULES} names {path!r}, which is outside the folder")
        found.append((path, kind))
    return found
