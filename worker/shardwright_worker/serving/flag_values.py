"""Converts the values of `vllm serve` flags as vLLM's parser does."""

import json
import re
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import one_line
from shardwright_worker.contract.vllm_support.server_flags import SERVER_FLAGS, Takes

_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def converted(name: str, value: str) -> Any:
    """Return the value of a flag: None for vLLM's own default, else int, bool, dict or text.

    Raises:
        WorkerFailure: InvalidEngineArguments if vLLM cannot read the value either.
    """
    flag = SERVER_FLAGS[name]
    if flag.optional and value in ("", "None"):
        return None
    if flag.takes is Takes.NUMBER:
        if not re.fullmatch(r"\s*[+-]?\d{1,9}\s*", value):
            raise invalid_flag(name, f"must be a number, not {one_line(value, 40)!r}")
        return int(value)
    if flag.takes is Takes.NOTHING:
        if value not in ("true", "false"):
            raise invalid_flag(name, "takes no value")
        return value == "true"
    return _object(name, value) if flag.takes is Takes.OBJECT else value


def dotted_value(value: str) -> Any:
    """Return the value of a dotted flag such as --hf-overrides.rope_theta: JSON, a number such as 1k, or text.

    https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/utils/argparse_utils.py#L443
    """
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?)([kmgtKMGT])", value.strip())
    if match and (match.group(2).islower() or "." not in match.group(1)):
        return int(float(match.group(1)) * _UNITS[match.group(2)])
    return value


def merge(target: dict[str, Any], path: list[str], value: Any) -> None:
    """Set the value at the path in nested dicts; a list is appended to a list."""
    for key in path[:-1]:
        inner = target.get(key)
        if not isinstance(inner, dict):
            inner = target[key] = {}
        target = inner
    last, old = path[-1], target.get(path[-1])
    target[last] = [*old, *value] if isinstance(old, list) and isinstance(value, list) else value


def invalid_flag(name: str, problem: str) -> WorkerFailure:
    """Return the failure of a flag whose value cannot be read."""
    return WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"--{name} {problem}")


def _object(name: str, value: str) -> dict[str, Any]:
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        raise invalid_flag(name, "is not JSON") from None
    if not isinstance(read, dict):
        raise invalid_flag(name, "must be a JSON object")
    return read
