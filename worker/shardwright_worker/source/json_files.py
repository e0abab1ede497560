"""Reads a source's JSON files: those that vLLM reads are valid, the configuration and a tokenizer are present."""

import json
import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.file_signature import identify_content
from shardwright_worker.files.json_reader import JsonReader
from shardwright_worker.files.json_tokens import JsonError
from shardwright_worker.files.regular_file import open_regular, read_regular
from shardwright_worker.source.listing import Listing
from shardwright_worker.source.modules_json import module_folders
from shardwright_worker.source.source_errors import source_read_failure

QUANTIZATION_FILES = (
    "quant_config.json",
    "quantize_config.json",
    "quantization_config.json",
    "hf_quant_config.json",
)
_PARSED = ("config.json", "params.json")
_MAX_PARSED = 16 * 1024**2  # bytes; parsed JSON takes many times as much memory
_MAX_VALIDATED = 64 * 1024**2  # bytes; of a larger file only the start is checked
# Files that vLLM or the tokenizer reads. Other JSON files beside a model may hold anything, and are not checked.
_VALIDATED = (
    "config.json", "*config.json", "config_*.json", "params.json", "tokenizer*.json", "vocab.json", "tekken.json",
    *QUANTIZATION_FILES, "special_tokens_map.json", "added_tokens.json", "chat_template*.json", "modules.json",
    "normalizer.json",
)  # fmt: skip


def read_json_files(listing: Listing) -> dict[str, Any]:
    """Return the parsed config.json and params.json, by name, and validate the other JSON files that vLLM reads.

    Raises:
        WorkerFailure: SourceCorrupt with file and position if one of them is not valid JSON.
    """
    content: dict[str, Any] = {}
    modules = module_folders(listing.folder)
    for file in listing.files:
        path = PurePosixPath(file.name)
        if path.parent.as_posix() not in (".", *modules, "1_Pooling"):
            continue
        if file.name in _PARSED:
            content[file.name] = _read(listing, file.name)
        elif file.size <= _MAX_VALIDATED and any(fnmatchcase(path.name, pattern) for pattern in _VALIDATED):
            _check(listing, file.name)
        elif file.name.endswith((".model", ".tiktoken", "tokenizer.json")):
            _reject_other_content(listing, file.name)
    return content


def model_configuration(listing: Listing, content: dict[str, Any], extra_args: Mapping[str, str]) -> dict[str, Any]:
    """Return the model's config.json, or params.json for a model in Mistral's own format.

    Raises:
        WorkerFailure: SourceIncomplete without one; another reason for a folder with an adapter or GGUF files only.
    """
    name = "params.json" if extra_args.get("config_format") == "mistral" else "config.json"
    if name not in content and (other := {"config.json": "params.json"}.get(name, "config.json")) in content:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, _other_format(name, other))
    if name not in content:
        if listing.has("adapter_config.json"):
            raise WorkerFailure(Reason.UNSUPPORTED_MODEL, lora_message(listing))
        if any(each.endswith(".gguf") for each in listing.all_names):
            raise WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, gguf_message(listing))
        raise WorkerFailure(Reason.SOURCE_INCOMPLETE, _missing_config(listing))
    config = content[name]
    if not isinstance(config, dict):
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} is not a JSON object")
    return config


def _other_format(name: str, other: str) -> str:
    if other == "params.json":
        # vLLM recognizes such a source by its consolidated*.safetensors, and the shards have other names.
        return (
            "the source has no config.json but Mistral's params.json, and a server would not recognize that format "
            "from the shards: set config_format: mistral in spec.engine.extraArgs"
        )
    return f"config_format mistral reads {name}, and the source has {other} only: remove config_format"


def lora_message(listing: Listing) -> str:
    """Return why a folder with an adapter is rejected."""
    return (
        f"{listing.folder} holds a LoRA adapter (adapter_config.json) and no model: shard the base model and load "
        "the adapter when serving, or merge the two first"
    )


def gguf_message(listing: Listing) -> str:
    """Return why a folder with GGUF files only is rejected."""
    return f"{listing.folder} holds GGUF weights only, which cannot be sharded: use the model's safetensors files"


def _read(listing: Listing, name: str) -> Any:
    path = listing.folder / name
    try:
        return json.loads(read_regular(path, _MAX_PARSED).decode())
    except UnicodeDecodeError:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} is not UTF-8 text{_content_hint(listing, name)}") from None
    except RecursionError:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} is nested too deeply") from None
    except OSError as error:
        raise source_read_failure(name, path, error) from None
    except ValueError as error:
        raise _invalid_json(listing, name, error) from None


def _check(listing: Listing, name: str) -> None:
    """Validate a file of any size without keeping its content."""
    path = listing.folder / name
    try:
        with open_regular(path) as file:
            reader = JsonReader(file, os.fstat(file.fileno()).st_size)
            is_tokenizer = name != "tokenizer.json" or _has_model(reader)
            if name != "tokenizer.json":
                reader.skip()
            reader.end()
    except OSError as error:
        raise source_read_failure(name, path, error) from None
    except JsonError as error:
        raise _invalid_json(listing, name, error) from None
    except ValueError as error:
        raise source_read_failure(name, path, error) from None
    if not is_tokenizer:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, "tokenizer.json is not a tokenizer: it has no object called model")


def _has_model(reader: JsonReader) -> bool:
    """Read the whole text; return whether it is an object with an object `model`."""
    if reader.kind() != "{":
        reader.skip()
        return False
    found = False
    for key in reader.members():
        found = found or (key == "model" and reader.kind() == "{")
        reader.skip()
    return found


def _invalid_json(listing: Listing, name: str, error: ValueError) -> WorkerFailure:
    message = f"{name} is not a valid JSON file{_content_hint(listing, name)}: {error}"
    return WorkerFailure(Reason.SOURCE_CORRUPT, message)


def _content_hint(listing: Listing, name: str) -> str:
    content = identify_content(listing.folder / name)
    return f" but {content}" if content else ""


def _reject_other_content(listing: Listing, name: str) -> None:
    content = identify_content(listing.folder / name)
    if content:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} is not a tokenizer but {content}")


def _missing_config(listing: Listing) -> str:
    nested = sorted({name.split("/")[0] for name in listing.all_names if name.endswith("/config.json")})
    if nested:
        return f"{listing.folder} has no config.json; its folder {nested[0]} has one: is that the model?"
    return f"{listing.folder} has no config.json" + ("" if listing.all_names else ": the folder is empty")
