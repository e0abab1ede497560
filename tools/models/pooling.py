"""Tiny models that answer with vectors or scores: embedders, classifiers, rerankers."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from tools.models.architectures import build
from tools.models.language import add_tokenizer


def bert(folder: Path) -> Path:
    """Write a BERT that embeds."""
    return add_tokenizer(build(folder, "BertModel"))


def classifier(folder: Path, architecture: str) -> Path:
    """Write a classifier with three labels of an architecture, such as LlamaForSequenceClassification."""
    return add_tokenizer(build(folder, architecture, num_labels=3))


def qwen3_reranker(folder: Path) -> Path:
    """Write a Qwen3 that is a reranker: a server cuts its score head from two rows of the output head.

    https://docs.vllm.ai/en/v0.32.0/models/pooling_models/scoring/#qwen3-reranker
    """
    add_tokenizer(build(folder, "Qwen3ForCausalLM", head_dim=64))
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config |= {
        "architectures": ["Qwen3ForSequenceClassification"],
        "classifier_from_token": ["Hello", "is"],
        "is_original_qwen3_reranker": True,
    }
    path.write_text(json.dumps(config))
    return folder


def embedder(folder: Path, modules: dict[str, str], pooling: dict[str, bool]) -> Path:
    """Write a sentence-transformers model of a Llama; `modules`: those beside the transformer, folder -> type.

    https://www.sbert.net/docs/sentence_transformer/usage/custom_models.html
    """
    add_tokenizer(build(folder, "LlamaModel"))
    width = int(json.loads((folder / "config.json").read_text())["hidden_size"])
    listed = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in modules.items()]
    (folder / "modules.json").write_text(
        json.dumps([{"path": "", "type": "sentence_transformers.models.Transformer"}, *listed])
    )
    for path, kind in modules.items():
        (folder / path).mkdir()
        if kind == "Pooling":
            (folder / path / "config.json").write_text(json.dumps({"word_embedding_dimension": width, **pooling}))
        if kind == "Dense":
            width = _add_dense(folder / path, width)
    return folder


def _add_dense(folder: Path, width: int) -> int:
    outputs = 32
    config = {"in_features": width, "out_features": outputs, "bias": True}
    (folder / "config.json").write_text(
        json.dumps({**config, "activation_function": "torch.nn.modules.activation.Tanh"})
    )
    weights = {"linear.weight": torch.randn(outputs, width) * 0.1, "linear.bias": torch.randn(outputs) * 0.1}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return outputs
