"""Checks the JSON of --hf-overrides: it has one meaning, and every later reader can parse it."""

import json
from typing import Any, NoReturn

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason

_LONGEST = 1024 * 1024
_DEEPEST = 50
_LARGEST_NUMBER = 2**63


class _Refused(ValueError):  # noqa: N818 - a finding
    """What is wrong with the JSON."""


def check_overrides(text: str) -> None:
    """Check that the text is empty or a JSON object that all readers understand in the same way.

    Raises:
        WorkerFailure: InvalidEngineArguments if it is not.
    """
    if not text:
        return
    if len(text) > _LONGEST:
        raise _invalid(f"--hf-overrides has {len(text)} characters: the limit is {_LONGEST}")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
        if _depth(value) > _DEEPEST:
            raise RecursionError
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise _invalid(f"--hf-overrides is nested more than {_DEEPEST} deep") from None
    except UnicodeEncodeError:
        raise _invalid("--hf-overrides has a string with half of a surrogate pair, which is not text") from None
    except _Refused as error:
        raise _invalid(f"--hf-overrides {error}") from None
    except ValueError as error:
        raise _invalid(f"--hf-overrides is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise _invalid(f'--hf-overrides must be a JSON object like {{"rope_theta": 10000}}, not {type(value).__name__}')


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise _Refused(f"has the key {key[:100]!r} twice: keep one")
        made[key] = value
    return made


def _constant(name: str) -> NoReturn:
    raise _Refused(f"has {name}, which is not a JSON number")


def _integer(text: str) -> int:
    if len(text) > 20 or not -_LARGEST_NUMBER <= int(text) < _LARGEST_NUMBER:
        raise _Refused(f"has a number of {len(text)} digits, which no setting of a model has")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _Refused(f"has the number {text[:40]}, which is too large")
    return number


def _depth(value: object) -> int:
    """Return how deep a value is nested, without recursion."""
    deepest, rest = 0, [(value, 1)]
    while rest:
        each, depth = rest.pop()
        deepest = max(deepest, depth)
        if isinstance(each, dict):
            rest += [(inner, depth + 1) for inner in each.values()]
        elif isinstance(each, list):
            rest += [(inner, depth + 1) for inner in each]
    return deepest


def _invalid(message: str) -> WorkerFailure:
    return WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)
