"""Reads a command line of `vllm serve` as vLLM does, for what decides shards. Other flags are not its business."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from shardwright_worker.contract.engine_settings import ALLOWED_EXTRA_ARGS, READING_ONLY, SWITCHES, EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import clean

_NUMBERS = (
    "tensor-parallel-size",
    "pipeline-parallel-size",
    "data-parallel-size",
    "prefill-context-parallel-size",
    "decode-context-parallel-size",
)
_OBJECTS = (
    "hf-overrides",
    "model-loader-extra-config",
    "limit-mm-per-prompt",
    "kernel-config",
    "eplb-config",
    "model-class-overrides",
    "quantization-config",
)
_WORDS = ("dtype", "quantization", "load-format", "hf-config-path", "expert-placement-strategy", "mm-encoder-tp-mode")
_OPTIONAL = ("quantization", "quantization-config", "hf-config-path", "code-revision")  # vLLM takes None for these
_ON_OFF = ("enable-expert-parallel", "trust-remote-code", "mm-encoder-only")
_SHORT = {
    "-tp": "tensor-parallel-size",
    "-pp": "pipeline-parallel-size",
    "-dp": "data-parallel-size",
    "-pcp": "prefill-context-parallel-size",
    "-dcp": "decode-context-parallel-size",
    "-ep": "enable-expert-parallel",
    "-q": "quantization",
}
_EXTRA = {name.replace("_", "-"): name for name in ALLOWED_EXTRA_ARGS if name not in READING_ONLY}
_SWITCHES = {*_ON_OFF, *(name.replace("_", "-") for name in SWITCHES)}
_DECIDING = {*_NUMBERS, *_OBJECTS, *_WORDS, *_ON_OFF, *_EXTRA}
_WHOLE = {"model", "config", "-dc"}  # flags of their own, though longer ones begin like them
_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class ServerLine(NamedTuple):
    """What a command line says: the engine's settings, and by flag what else decides whether shards fit."""

    settings: EngineSettings
    beside: dict[str, Any]


def read_server_line(words: list[str]) -> ServerLine:
    """InvalidEngineArguments for a deciding flag whose value vLLM would not read either."""
    given: dict[str, Any] = {}
    dotted: dict[str, dict[str, Any]] = {}
    for name, path, value in _deciding(_with_config(words)):
        if path:
            _merge(dotted.setdefault(name, {}), path, _loose(value))
        else:
            given[name] = _converted(name, value)
    given = {name: value for name, value in given.items() if value is not None}
    given |= dotted  # vLLM appends them as one object, and the last one counts
    return ServerLine(_settings(given), {name: given[name] for name in given if name not in _EXTRA})


def _deciding(words: list[str]) -> Iterator[tuple[str, list[str], Any]]:
    """Name, path of a dotted flag, and value of each flag that decides."""
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
        name, off, glued = _name(flag)
        if name is None:
            if path and not joined:
                take()
            continue
        if path:
            text = value if joined else take()
            listed = spelled.endswith("+") and text is not None
            yield name, path, json.dumps((text or "").split(",")) if listed else _needed(name, text)
        elif name in _SWITCHES:
            yield name, [], str(not off).lower() if not joined else value.lower()
        else:
            found = value if joined else glued or (take() if _is_value(following) else None)
            yield name, [], _needed(name, found)


def _name(flag: str) -> tuple[str | None, bool, str]:
    """The deciding flag that is meant, whether it is turned off, and a value that is glued to a short one."""
    if not flag.startswith("--"):
        if flag.startswith("-q") and flag != "-q":
            return "quantization", False, flag[2:]
        begun = [short for short in _SHORT if short.startswith(flag) and flag not in _WHOLE]
        meant = [flag] if flag in _SHORT else begun
        return (_SHORT[meant[0]] if len(meant) == 1 else None), False, ""
    plain = flag[2:].replace("_", "-")
    off = plain.startswith("no-")
    bare = plain.removeprefix("no-")
    among = {name for name in _SWITCHES if name in _DECIDING} if off else _DECIDING
    if bare in among:
        return bare, off, ""
    # vLLM takes any beginning of a flag that can only be that one.
    meant = [name for name in among if bare and name.startswith(bare)] if plain not in _WHOLE else []
    return (meant[0] if len(meant) == 1 else None), off, ""


def _is_value(word: str | None) -> bool:
    return word is not None and (not word.startswith("-") or word == "-" or _negative(word) or " " in word)


def _negative(word: str) -> bool:
    return re.fullmatch(r"-\d+|-\d*\.\d+", word) is not None


def _needed(name: str, value: str | None) -> str:
    if value is None:
        raise _wrong(name, "needs a value")
    return value


def _converted(name: str, value: str) -> Any:
    if name in _OPTIONAL and value in ("", "None"):
        return None
    if name in _NUMBERS:
        if not re.fullmatch(r"\s*[+-]?\d{1,9}\s*", value):
            raise _wrong(name, f"must be a number, not {clean(value, 40)!r}")
        return int(value)
    if name in _SWITCHES:
        if value not in ("true", "false"):
            raise _wrong(name, "is given without a value")
        return value == "true"
    return _object(name, value) if name in _OBJECTS else value


def _object(name: str, value: str) -> dict[str, Any]:
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        raise _wrong(name, "is not JSON") from None
    if not isinstance(read, dict):
        raise _wrong(name, "must be a JSON object")
    return read


def _loose(value: str) -> Any:
    """A value of a dotted flag: JSON, a number such as 1k, or text."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?)([kmgtKMGT])", value.strip())
    if match and (match.group(2).islower() or "." not in match.group(1)):
        return int(float(match.group(1)) * _UNITS[match.group(2)])
    return value


def _merge(target: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        inner = target.get(key)
        if not isinstance(inner, dict):
            inner = target[key] = {}
        target = inner
    last, old = path[-1], target.get(path[-1])
    target[last] = [*old, *value] if isinstance(old, list) and isinstance(value, list) else value


def _settings(given: dict[str, Any]) -> EngineSettings:
    extra = {_EXTRA[name]: _as_text(value) for name, value in given.items() if name in _EXTRA}
    overrides = given.get("hf-overrides")
    try:
        return EngineSettings(
            tensor_parallel_size=given.get("tensor-parallel-size", 1),
            pipeline_parallel_size=given.get("pipeline-parallel-size", 1),
            enable_expert_parallel=given.get("enable-expert-parallel", False),
            dtype=given.get("dtype", "auto"),
            quantization=given.get("quantization", ""),
            trust_remote_code=given.get("trust-remote-code", False),
            hf_overrides=json.dumps(overrides) if overrides else "",
            extra_args=extra,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise _wrong(str(first["loc"][0]).replace("_", "-"), clean(first["msg"], 200)) from None


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _with_config(words: list[str]) -> list[str]:
    """The line with the flags of its --config file in front, as vLLM puts them."""
    for index, word in enumerate(words):
        if word == "--config" and index + 1 < len(words):
            return [*_config(words[index + 1]), *words[:index], *words[index + 2 :]]
    return words


def _config(file: str) -> list[str]:
    try:
        import yaml

        load: Callable[[str], Any] = yaml.safe_load
        values = load(Path(file).read_text())
    except Exception as error:
        raise _wrong(
            "config", f"{clean(file, 200)} cannot be read here ({type(error).__name__}): name its flags instead"
        ) from None
    words: list[str] = []
    for key, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, bool):
            words.append(f"--{key}" if value else f"--no-{key}")
        elif isinstance(value, list):
            words += [f"--{key}", *(str(one) for one in value)] if value else []
        else:
            words += [f"--{key}", json.dumps(value) if isinstance(value, dict) else str(value)]
    return words


def _wrong(name: str, what: str) -> WorkerFailure:
    return WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"--{name} {what}")
