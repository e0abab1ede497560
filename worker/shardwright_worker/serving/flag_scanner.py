"""Finds in a command line of `vllm serve` the flags that decide whether shards fit, spelled in any way vLLM takes.

vLLM takes underscores for dashes, --flag=VALUE, --flag.key VALUE, short forms, --no-flag, and any beginning of a flag
that only one flag has: https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/utils/argparse_utils.py#L276
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from shardwright_worker.contract.vllm_support.server_flags import SERVER_FLAGS, WHOLE, Takes
from shardwright_worker.serving.flag_values import invalid_flag

_SHORT = {flag.short: name for name, flag in SERVER_FLAGS.items() if flag.short}
_SWITCHES = [name for name, flag in SERVER_FLAGS.items() if flag.takes is Takes.NOTHING]
# Since 0.33: https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/utils/argparse_utils.py#L120
_OPPOSITES = {name.replace("enable-", "disable-", 1): name for name in _SWITCHES if name.startswith("enable-")}


class Found(NamedTuple):
    """A flag on a command line: its name, the path of a dotted one (empty for others), and its value as text."""

    name: str
    path: list[str]
    value: Any


class _Named(NamedTuple):
    name: str
    off: bool = False
    glued: str = ""  # the value in -qVALUE


def scan(words: list[str]) -> Iterator[Found]:
    """Yield the flags that decide, in their order.

    Raises:
        WorkerFailure: InvalidEngineArguments if a flag lacks its value.
    """
    rest = iter(words)
    following: str | None = next(rest, None)

    def take() -> str | None:
        nonlocal following
        word, following = following, next(rest, None)
        return word

    while (word := take()) is not None and word != "--":
        if not word.startswith("-") or word == "-":
            continue
        spelled, joined, value = word.partition("=")
        flag, *path = spelled.rstrip("+").split(".")
        named = _named(flag)
        if named is None:
            if path and not joined:
                take()
            continue
        if path:
            text = value if joined else take()
            listed = spelled.endswith("+") and text is not None
            yield Found(named.name, path, json.dumps((text or "").split(",")) if listed else _needed(named, text))
        elif named.name in _SWITCHES:
            yield Found(named.name, [], str(not named.off).lower() if not joined else value.lower())
        else:
            text = value if joined else named.glued or (take() if _is_value(following) else None)
            yield Found(named.name, [], _needed(named, text))


def _named(flag: str) -> _Named | None:
    """Return the deciding flag that is meant; None for any other."""
    if not flag.startswith("--"):
        return _short(flag)
    plain = flag[2:].replace("_", "-")
    if plain in WHOLE:
        return None
    if plain in _OPPOSITES:
        return _Named(_OPPOSITES[plain], off=True)
    off = plain.startswith("no-")
    bare = plain.removeprefix("no-")
    among = _SWITCHES if off else list(SERVER_FLAGS)
    if bare in among:
        return _Named(bare, off)
    meant = [name for name in among if bare and name.startswith(bare)]
    return _Named(meant[0], off) if len(meant) == 1 else None


def _short(flag: str) -> _Named | None:
    if flag.startswith("-q") and flag != "-q":
        return _Named("quantization", glued=flag[2:])
    begun = [short for short in _SHORT if short.startswith(flag) and flag not in WHOLE]
    meant = [flag] if flag in _SHORT else begun
    return _Named(_SHORT[meant[0]]) if len(meant) == 1 else None


def _is_value(word: str | None) -> bool:
    return word is not None and (not word.startswith("-") or word == "-" or _is_negative(word) or " " in word)


def _is_negative(word: str) -> bool:
    return re.fullmatch(r"-\d+|-\d*\.\d+", word) is not None


def _needed(named: _Named, value: str | None) -> str:
    if value is None:
        raise invalid_flag(named.name, "needs a value")
    return value
