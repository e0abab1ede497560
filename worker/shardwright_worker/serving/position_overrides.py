"""Separates --hf-overrides that decide what shards hold from those of positions, which only change computations."""

import re
from collections.abc import Iterable

_COMPUTED = {"rope_parameters", "rope_scaling", "rope_theta", "sliding_window"}
_LENGTH = "max_position_embeddings"
_TABLE = re.compile(r"(^|\.)(wpe|embed_positions|position_embeddings?)\.")


def deciding(overrides: object, tensors: Iterable[str]) -> object:
    """Return the overrides without those of positions. A model with learned positions stores a table of them."""
    table = any(_TABLE.search(name) for name in tensors)
    return _without(overrides, _COMPUTED if table else {*_COMPUTED, _LENGTH})


def _without(overrides: object, names: set[str]) -> object:
    if not isinstance(overrides, dict):
        return overrides
    kept = {name: value for name, value in overrides.items() if name not in names}
    if isinstance(inner := kept.get("text_config"), dict):
        kept["text_config"] = _without(inner, names)
        if inner and not kept["text_config"]:
            del kept["text_config"]
    return kept
