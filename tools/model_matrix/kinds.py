"""The kinds of models in the matrix: how a tiny one is built, and how the worker is called for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tools.models import custom_code, language, mixture_of_experts, multimodal, mxfp4, pooling, quantized, storage
from tools.models.architectures import ARCHITECTURES, build
from tools.models.quantized import Quantization

Build = Callable[[Path], object]


@dataclass(frozen=True)
class Kind:
    """One kind. `experts`: it has layers that expert parallelism divides; `core`: `make test` includes it.

    `answers`: it can be proven by its answers.
    """

    build: Build
    arguments: tuple[str, ...] = ()
    experts: bool = False
    core: bool = False
    answers: bool = True


def _llama(**config: Any) -> Build:
    return partial(build, architecture="LlamaForCausalLM", **config)


def _of(architecture: str) -> Build:
    name, config = ARCHITECTURES[architecture]
    return partial(build, architecture=name, **config)


def _quantized(quantization: Quantization, model: Build) -> Build:
    def both(folder: Path) -> None:
        model(folder)
        quantization.apply(folder)

    return both


def _wide_llama() -> Build:
    """A Llama whose ranks have whole blocks of 128 by 128 up to tp=4."""
    return _llama(hidden_size=512, intermediate_size=512, num_key_value_heads=4, head_dim=128)


def _wide_qwen3_moe() -> Build:
    sizes: dict[str, Any] = {
        "hidden_size": 512,
        "moe_intermediate_size": 512,
        "num_key_value_heads": 4,
        "head_dim": 128,
    }
    return partial(build, architecture="Qwen3MoeForCausalLM", num_experts=4, num_experts_per_tok=2, **sizes)


_EXPERTS = ("Mixtral", "Qwen3-MoE", "OLMoE", "Granite-MoE", "gpt-oss, bf16", "DeepSeek-V3", "Llama 4 text", "Jamba")
_CORE = ("Gemma 3", "Mixtral", "Mamba 2")
_DENSE = {
    "Llama, bf16": Kind(language.llama, core=True),
    "Llama, fp16": Kind(_llama(dtype=torch.float16)),
    "Llama, fp32": Kind(_llama(dtype=torch.float32)),
    "Llama, pytorch_model.bin": Kind(storage.llama_as_bin),
    "Llama, several files": Kind(storage.llama_in_several_files),
    "Llama, odd vocabulary": Kind(_llama(vocab_size=251)),
    "Llama, biases": Kind(_llama(attention_bias=True, mlp_bias=True)),
    "Llama, tied": Kind(partial(language.tied_llama, head="none")),
    "Llama, tied, with its head": Kind(partial(language.tied_llama, head="same")),
    "Llama, tied, with another head": Kind(partial(language.tied_llama, head="other"), core=True),
    "Llama, code beside the model": Kind(custom_code.llama_with_code, ("--trust-remote-code",)),
}
_ARCHITECTURES = {name: Kind(_of(name), experts=name in _EXPERTS, core=name in _CORE) for name in ARCHITECTURES}
_DEEPSEEK_V2 = {"DeepSeek-V2": Kind(mixture_of_experts.deepseek_v2, experts=True, core=True)}
_SEEING = {
    "Qwen2.5-VL": Kind(multimodal.qwen2_5_vl, core=True),
    "Qwen3-VL": Kind(multimodal.qwen3_vl),
    "Gemma 3, images": Kind(multimodal.gemma3),
    "LLaVA": Kind(multimodal.llava),
    "Whisper": Kind(multimodal.whisper, answers=False),
}
_MEAN, _FIRST = {"pooling_mode_mean_tokens": True}, {"pooling_mode_cls_token": True}
_POOLING = {
    "BERT": Kind(pooling.bert, core=True),
    "BERT, classifier": Kind(partial(pooling.classifier, architecture="BertForSequenceClassification")),
    "Llama, embedder": Kind(partial(pooling.embedder, modules={"1_Pooling": "Pooling"}, pooling=_MEAN)),
    "Llama, embedder with a dense layer": Kind(
        partial(pooling.embedder, modules={"1_Pooling": "Pooling", "2_Dense": "Dense"}, pooling=_MEAN)
    ),
    "Llama, embedder with other folders": Kind(
        partial(pooling.embedder, modules={"pool": "Pooling", "norm": "Normalize"}, pooling=_FIRST)
    ),
    "Llama, classifier": Kind(partial(pooling.classifier, architecture="LlamaForSequenceClassification")),
    "Qwen3-Reranker": Kind(pooling.qwen3_reranker),
}
_QUANTIZED = {
    "Llama, INT8 (compressed-tensors)": Kind(quantized.INT8.llama, core=True),
    "Llama, FP8 per tensor (compressed-tensors)": Kind(quantized.FP8_TENSOR.llama),
    "Llama, FP8 per channel (compressed-tensors)": Kind(quantized.FP8.llama),
    "Llama, FP8 in blocks (compressed-tensors)": Kind(_quantized(quantized.FP8_COMPRESSED_BLOCKS, _wide_llama())),
    "Llama, W4A16 (compressed-tensors)": Kind(quantized.INT4.llama),
    "Llama, NVFP4 (compressed-tensors)": Kind(quantized.NVFP4.llama),
    "Llama, GPTQ": Kind(quantized.GPTQ.llama, core=True),
    "Llama, GPTQ in order of activations": Kind(quantized.GPTQ_IN_ORDER.llama),
    "Llama, AWQ": Kind(quantized.AWQ.llama),
    "Llama, FP8 per tensor": Kind(quantized.FP8_STATIC.llama),
    "Llama, FP8 in blocks": Kind(_quantized(quantized.FP8_BLOCKS, _wide_llama())),
    "Llama, FP8 in blocks that a rank would halve": Kind(quantized.FP8_BLOCKS.llama),
    "Llama, FP8 (ModelOpt)": Kind(quantized.FP8_MODELOPT.llama),
    "Qwen3-MoE, FP8 in blocks": Kind(_quantized(quantized.FP8_BLOCKS, _wide_qwen3_moe()), experts=True),
    "gpt-oss, MXFP4": Kind(mxfp4.gpt_oss_mxfp4, experts=True),
}
KINDS: Mapping[str, Kind] = {**_DENSE, **_ARCHITECTURES, **_DEEPSEEK_V2, **_SEEING, **_POOLING, **_QUANTIZED}
