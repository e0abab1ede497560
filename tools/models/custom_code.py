"""A tiny model with code beside its weights, which is run with trust_remote_code."""

from __future__ import annotations

import json
from pathlib import Path

from tools.models.architectures import build

_CONFIGURATION = """\
from transformers import LlamaConfig


class TinyConfig(LlamaConfig):
    model_type = "tiny"
"""
_MODELING = """\
from transformers import LlamaForCausalLM, LlamaModel

from .configuration_tiny import TinyConfig


class TinyModel(LlamaModel):
    config_class = TinyConfig


class TinyForCausalLM(LlamaForCausalLM):
    config_class = TinyConfig
"""


def llama_with_code(folder: Path) -> Path:
    """Write a Llama under an architecture of its own, which vLLM runs by its support for models of transformers.

    https://docs.vllm.ai/en/v0.32.0/models/supported_models/#custom-models
    """
    build(folder, "LlamaForCausalLM")
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config |= {
        "model_type": "tiny",
        "architectures": ["TinyForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_tiny.TinyConfig",
            "AutoModel": "modeling_tiny.TinyModel",
            "AutoModelForCausalLM": "modeling_tiny.TinyForCausalLM",
        },
    }
    path.write_text(json.dumps(config))
    (folder / "configuration_tiny.py").write_text(_CONFIGURATION)
    (folder / "modeling_tiny.py").write_text(_MODELING)
    return folder
