"""Rewrites the spellings that vLLM's parser takes beside a flag's own: --a_b, --a.key VALUE, -ab.key VALUE, -O3.

https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/utils/argparse_utils.py#L276
"""

import json
from collections.abc import Iterator
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.worker_flags import SHORT, flag_of
from shardwright_worker.serving.flag_values import dotted_value, merge

_OPTIMIZATION = "--optimization-level"
_LONG = {short: flag_of(name) for name, short in SHORT.items()}


def plain_spelling(words: list[str]) -> list[str]:
    """Return the command line with every flag under its own name; keys of one flag become one JSON object at the end.

    Raises:
        WorkerFailure: InvalidEngineArguments if a key has no value.
    """
    made: list[str] = []
    objects: dict[str, dict[str, Any]] = {}
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*made, *_as_flags(objects), word, *rest]
        key, joined, value = word.partition("=")
        if word.startswith("-O"):
            made += [_OPTIMIZATION, *([word[2:].removeprefix("=")] if word != "-O" else [])]
        elif "." in key and (name := _with_keys(key)):
            path = key.removesuffix("+").split(".")[1:]
            merge(objects.setdefault(name, {}), path, _value(key, value if joined else None, rest))
        elif not word.startswith("--"):
            made.append(word)
        else:
            made.append(_dashed(key) + joined + value)
    return made + _as_flags(objects)


def _with_keys(key: str) -> str:
    """Return the flag of --flag.key or -f.key; empty for other words, such as -0.5."""
    flag = key.partition(".")[0]
    return _dashed(flag) if flag.startswith("--") else _LONG.get(flag, "")


def _dashed(flag: str) -> str:
    return flag.replace("_", "-")


def _as_flags(objects: dict[str, dict[str, Any]]) -> list[str]:
    return [f"{flag}={json.dumps(value)}" for flag, value in objects.items()]


def _value(key: str, joined: str | None, rest: Iterator[str]) -> Any:
    """Return the value of a key; `--flag.key+ a,b` is a list."""
    text = joined if joined is not None else next(rest, None)
    if text is None:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"{key} needs a value")
    return text.split(",") if key.endswith("+") else dotted_value(text)
