"""What a tokenizer and a processor make of a few texts, loaded from a folder the way a server loads them."""

import hashlib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

_TEXTS = (
    "Hello, world! It is 3.14 o'clock.",
    "Ünïcödé, 你好 world, Привет, 👋🏽\n\ttabs  and   spaces",
    "def main(argv: list[str]) -> int:\n    return 0  # <|im_start|>user</s>[INST]",
)
_FILES = (
    "tokenizer.json", "tokenizer.model*", "tokenizer_config.json", "tokenizer*.py", "vocab.json", "vocab.txt",
    "vocab.bpe", "*.bpe.model", "tekken.json", "*.tiktoken", "tiktoken.model", "spm.model", "spiece.model",
    "sentencepiece*.model",
)  # fmt: skip


def has_tokenizer(folder: Path) -> bool:
    """Whether the folder holds a file of a tokenizer."""
    try:
        return any(fnmatch(path.name, pattern) for path in folder.iterdir() for pattern in _FILES)
    except OSError:
        return False


def tokenizer_facts(model_config: Any) -> dict[str, Any]:
    """What must be equal for the artifact's tokenizer and the source's. Raises whatever loading it raises."""
    from shardwright_worker.engine.compat import load_tokenizer

    tokenizer = load_tokenizer(model_config)
    if tokenizer is None:
        raise FileNotFoundError("no file of a tokenizer is there")
    return {
        "tokens": [list(map(int, tokenizer.encode(text))) for text in _TEXTS],
        "vocabulary": _vocabulary(tokenizer),
        "special tokens": [getattr(tokenizer, f"{one}_token_id", None) for one in ("bos", "eos", "pad", "unk")],
        "chat template": _digest(getattr(tokenizer, "chat_template", None)),
    }


def processor_facts(model_config: Any) -> dict[str, Any]:
    """The class of a multimodal model's processor; empty for other models."""
    if not getattr(model_config, "is_multimodal_model", False):
        return {}
    from vllm.multimodal import MULTIMODAL_REGISTRY

    processor = MULTIMODAL_REGISTRY.create_processor(model_config).info.get_hf_processor()
    return {"processor": type(processor).__name__}


def _vocabulary(tokenizer: Any) -> int | None:
    try:
        return len(tokenizer)
    except TypeError:
        return getattr(tokenizer, "vocab_size", None)


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest() if value else ""
