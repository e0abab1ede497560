"""Imports a model's classes in this process, so that vLLM starts no other process to import and inspect them."""

import contextlib
import json
from pathlib import Path
from typing import Any


def import_model_classes(model: Path) -> None:
    """Import and register the classes that `config.json` names, as far as vLLM has them.

    vLLM inspects a class that is not imported in a process of its own, which imports vLLM again. It keeps the outcome
    in a folder that containers begin without:
    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/model_executor/models/registry.py#L1044
    """
    from vllm import ModelRegistry

    for name in _architectures(model):
        # What cannot be imported is reported by vLLM when it looks for the class.
        with contextlib.suppress(Exception):
            ModelRegistry.register_model(name, ModelRegistry.models[name].load_model_cls())


def _architectures(model: Path) -> list[str]:
    try:
        config: Any = json.loads((model / "config.json").read_text())
        return [name for name in config["architectures"] if isinstance(name, str)]
    except (OSError, ValueError, KeyError, TypeError):
        return []
