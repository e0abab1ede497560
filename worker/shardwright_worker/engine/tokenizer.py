"""What a tokenizer and a processor do with a few texts, loaded from a folder the way a server loads them."""

import hashlib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from shardwright_worker.engine.messages import TokenizerFacts

TEXTS = (
    "Hello, everyone! It is 3.14 o'clock.",
    "Ünïcödé, 你好 friends, Привет, 👋🏽\n\ttabs  and   spaces",
    "def main(argv: list[str]) -> int:\n    return 0  # <|im_start|>user</s>[INST]",
)
_SPECIAL = ("bos", "eos", "pad", "unk")
_FILES = (
    "tokenizer.json", "tokenizer.model*", "tokenizer_config.json", "tokenizer*.py", "vocab.json", "vocab.txt",
    "vocab.bpe", "*.bpe.model", "tekken.json", "*.tiktoken", "tiktoken.model", "spm.model", "spiece.model",
    "sentencepiece*.model",
)  # fmt: skip


def has_tokenizer(folder: Path) -> bool:
    """Return whether the folder has a file of a tokenizer."""
    try:
        return any(fnmatch(path.name, pattern) for path in folder.iterdir() for pattern in _FILES)
    except OSError:
        return False


def tokenizer_facts(model_config: Any) -> TokenizerFacts:
    """Return what must be equal for the artifact's tokenizer and the source's.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/tokenizers/registry.py#L285

    Raises:
        Exception: whatever loading or calling the tokenizer raises.
    """
    from vllm.tokenizers import cached_tokenizer_from_config

    tokenizer = cached_tokenizer_from_config(model_config)
    if tokenizer is None:
        raise FileNotFoundError("the model's folder has no file of a tokenizer")
    return TokenizerFacts(
        tokens=[list(map(int, tokenizer.encode(text))) for text in TEXTS],
        vocabulary=_vocabulary(tokenizer),
        special_tokens=[getattr(tokenizer, f"{one}_token_id", None) for one in _SPECIAL],
        chat_template=_digest(getattr(tokenizer, "chat_template", None)),
    )


def processor_name(model_config: Any) -> str | None:
    """Return the class of a multimodal model's processor; None for other models.

    Raises:
        Exception: whatever loading the processor raises.
    """
    if not getattr(model_config, "is_multimodal_model", False):
        return None
    from vllm.multimodal import MULTIMODAL_REGISTRY

    return type(MULTIMODAL_REGISTRY.create_processor(model_config).info.get_hf_processor()).__name__


def _vocabulary(tokenizer: Any) -> int | None:
    try:
        return len(tokenizer)
    except TypeError:
        return getattr(tokenizer, "vocab_size", None)


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest() if value else ""
