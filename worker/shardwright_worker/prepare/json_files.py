"""Reads a source's JSON files: every one parses, the configuration is there, the tokenizer is one."""

import json
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.listing import Listing
from shardwright_worker.safetensors_header import looks_like


def read_json_files(listing: Listing) -> dict[str, Any]:
    """The content of all JSON files by name, or SourceCorrupt with the file and the place."""
    content: dict[str, Any] = {}
    for name, _size in listing.files:
        if name.endswith(".json"):
            content[name] = _read(listing, name)
        elif name.endswith((".model", ".tiktoken")):
            _refuse_strange(listing, name)
    tokenizer = content.get("tokenizer.json")
    if tokenizer is not None and not (isinstance(tokenizer, dict) and isinstance(tokenizer.get("model"), dict)):
        raise WorkerFailure(Reason.SOURCE_CORRUPT, "tokenizer.json is no tokenizer: it has no object called model")
    return content


def configuration(listing: Listing, content: dict[str, Any]) -> dict[str, Any]:
    """The model's config.json, or params.json for a model in Mistral's own format; SourceIncomplete without one."""
    name = "config.json" if "config.json" in content else "params.json"
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
    try:
        text = (listing.folder / name).read_bytes().decode()
        return json.loads(text)
    except UnicodeDecodeError:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} is not UTF-8 text{_striking(listing, name)}") from None
    except RecursionError:
        raise WorkerFailure(Reason.SOURCE_CORRUPT, f"{name} is nested too deeply to be JSON of a model") from None
    except ValueError as error:
        raise WorkerFailure(
            Reason.SOURCE_CORRUPT, f"{name} is not a valid JSON file{_striking(listing, name)}: {error}"
        ) from None


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
