"""The files beside the weights: an allow-list is copied, and config.json corrected where vLLM would misread it."""

import json
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ALLOWED = (
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.tiktoken",
    "tekken.json",
    "params.json",
    "spiece.model",
    "sentencepiece*.model",
    "*.jinja",
    "chat_template*",
    "preprocessor_config.json",
    "processor_config.json",
    "image_processor_config.json",
    "video_preprocessor_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "quantize_config.json",
    "quant_config.json",
    "hf_quant_config.json",
    "configuration_*.py",
    "LICENSE*",
    "README.md",
)
CODE = ("*.py",)
_QUANTIZATION = ("quantize_config.json", "quant_config.json")
FOLDERS = ("1_Pooling", "2_Dense", "2_Normalize", "3_Normalize", "chat_templates", "additional_chat_templates")
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.gguf", "*.onnx", "*.msgpack", "*.h5", "*.index.json")


def copy_metadata(source: Path, target: Path, trust_remote_code: bool) -> list[str]:
    """Copy what is allowed; returns the names, sorted. Never weights, never an index of weights."""
    patterns = ALLOWED + (CODE if trust_remote_code else ())
    names = [path.name for path in source.iterdir() if path.is_file() and _is_allowed(path.name, patterns)]
    for folder in FOLDERS:
        inner = (source / folder).rglob("*") if (source / folder).is_dir() else ()
        names += [str(path.relative_to(source)) for path in inner if path.is_file() and not _is_weight(path.name)]
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    return sorted(names)


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


def _is_allowed(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns) and not _is_weight(name)


def _is_weight(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in _WEIGHTS)
