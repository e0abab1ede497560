"""Reads a source's JSON files: those that vLLM reads parse, the configuration is there, the tokenizer is one."""

import json
import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files.file_signature import looks_like
from shardwright_worker.files.json_reader import JsonError, JsonReader
from shardwright_worker.files.regular_file import open_regular, read_regular
from shardwright_worker.source.listing import Listing
from shardwright_worker.source.modules import module_folders
from shardwright_worker.source.read_errors import unreadable

QUANTIZATION_FILES = (
    "quant_config.json",
    "quantize_config.json",
    "quantization_config.json",
    "hf_quant_config.json",
)
_KEPT = ("config.json", "params.json")
_LARGEST_KEPT = 16 * 1024**2  # bytes; what is parsed takes many times as much memory
_LARGEST_READ = 64 * 1024**2  # of what is only read through; a larger one is looked at
# What vLLM or the tokenizer reads. Other JSON beside a model may hold anything, and is not looked at.
_READ = (
    "config.json", "*config.json", "config_*.json", "params.json", "tokenizer*.json", "vocab.json", "tekken.json",
    *QUANTIZATION_FILES, "special_tokens_map.json", "added_tokens.json", "chat_template*.json", "modules.json",
    "normalizer.json",
)  # fmt: skip


def read_json_files(listing: Listing) -> dict[str, Any]:
    """The content of what later checks need, by name; SourceCorrupt with file and place if one that is read is none."""
    content: dict[str, Any] = {}
    modules = module_folders(listing.folder)
    for file in listing.files:
        path = PurePosixPath(file.name)
        if path.parent.as_posix() not in (".", *modules, "1_Pooling"):
            continue
        if file.name in _KEPT:
            content[file.name] = _read(listing, file.name)
        elif file.size <= _LARGEST_READ and any(fnmatchcase(path.name, pattern) for pattern in _READ):
            _check(listing, file.name)
        elif file.name.endswith((".model", ".tiktoken", "tokenizer.json")):
            _refuse_strange(listing, file.name)
    return content


def configuration(listing: Listing, content: dict[str, Any], extra_args: Mapping[str, str]) -> dict[str, Any]:
    """The model's config.json, or params.json for a model in Mistral's own format; SourceIncomplete without one."""
    name = "params.json" if extra_args.get("config_format") == "mistral" else "config.json"
    if name not in content and (other := {"config.json": "params.json"}.get(name, "config.json")) in content:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, _other_format(name, other))
    if name not in content:
        if listing.has("adapter_config.json"):
            raise WorkerFailure(Reason.UNSUPPORTED_MODEL, lora_words(listing))
        if any(each.endswith(".gguf") for each in listing.everything):
            raise WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, gguf_words(listing))
        raise WorkerFailure(Reason.SOURCE_INCOMPLETE, _nothing_here(listing))
    config = content[name]
    if not isinstance(config, dict):
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} is not a JSON object")
    return config


def _other_format(name: str, other: str) -> str:
    if other == "params.json":
        # vLLM takes a source without config.json for Mistral's by its consolidated*.safetensors, which shards are not.
        return (
            "the source has no config.json but Mistral's params.json, and a server would not find out by itself how to "
            "read the shards' configuration: set config_format: mistral in spec.engine.extraArgs"
        )
    return f"config_format mistral reads {name}, and the source has {other} only: leave config_format out"


def lora_words(listing: Listing) -> str:
    """Why a folder with an adapter is refused."""
    return (
        f"{listing.folder} holds a LoRA adapter (adapter_config.json), no model: shard the base model and load the "
        "adapter when serving, or merge the two first"
    )


def gguf_words(listing: Listing) -> str:
    """Why a folder with nothing but GGUF is refused."""
    return f"{listing.folder} holds GGUF weights only, which cannot be sharded: use the model's safetensors files"


def _read(listing: Listing, name: str) -> Any:
    path = listing.folder / name
    try:
        return json.loads(read_regular(path, _LARGEST_KEPT).decode())
    except UnicodeDecodeError:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} is not UTF-8 text{_striking(listing, name)}") from None
    except RecursionError:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} is nested too deeply to be JSON of a model") from None
    except OSError as error:
        raise unreadable(name, path, error) from None
    except ValueError as error:
        raise WorkerFailure(
            Reason.SOURCE_CORRUPT, f"{name} is not a valid JSON file{_striking(listing, name)}: {error}"
        ) from None


def _check(listing: Listing, name: str) -> None:
    """Read through a file of any size without keeping it."""
    path = listing.folder / name
    try:
        with open_regular(path) as file:
            reader = JsonReader(file, os.fstat(file.fileno()).st_size)
            is_tokenizer = name != "tokenizer.json" or _has_model(reader)
            if name != "tokenizer.json":
                reader.skip()
            reader.end()
    except OSError as error:
        raise unreadable(name, path, error) from None
    except JsonError as error:
        raise WorkerFailure(
            Reason.SOURCE_CORRUPT, f"{name} is not a valid JSON file{_striking(listing, name)}: {error}"
        ) from None
    except ValueError as error:
        raise unreadable(name, path, error) from None
    if not is_tokenizer:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, "tokenizer.json is no tokenizer: it has no object called model")


def _has_model(reader: JsonReader) -> bool:
    """Whether the text is an object in which `model` is one."""
    if reader.kind() != "{":
        reader.skip()
        return False
    found = False
    for key in reader.members():
        found = found or (key == "model" and reader.kind() == "{")
        reader.skip()
    return found


def _striking(listing: Listing, name: str) -> str:
    looks = looks_like(listing.folder / name)
    return f" but {looks}" if looks else ""


def _refuse_strange(listing: Listing, name: str) -> None:
    looks = looks_like(listing.folder / name)
    if looks:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} is no tokenizer but {looks}")


def _nothing_here(listing: Listing) -> str:
    nested = sorted({name.split("/")[0] for name in listing.everything if name.endswith("/config.json")})
    if nested:
        return f"{listing.folder} has no config.json; its folder {nested[0]} has one: is that the model?"
    return f"{listing.folder} has no config.json" + ("" if listing.everything else ": the folder is empty")
