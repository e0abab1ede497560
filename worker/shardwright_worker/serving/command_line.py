"""Reads a command line of `vllm serve` as vLLM does, for what decides whether shards fit. Other flags are ignored."""

import json
from typing import Any, NamedTuple

from pydantic import ValidationError

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.text import one_line
from shardwright_worker.contract.vllm_support.server_flags import EXTRA_FLAGS
from shardwright_worker.serving.config_file import with_config_file
from shardwright_worker.serving.flag_scanner import scan
from shardwright_worker.serving.flag_values import converted, dotted_value, invalid_flag, merge


class ServerLine(NamedTuple):
    """A server's engine settings, and the values of its other deciding flags by flag."""

    settings: EngineSettings
    beside: dict[str, Any]


def read_server_line(words: list[str]) -> ServerLine:
    """Return what a command line of `vllm serve` decides.

    Raises:
        WorkerFailure: InvalidEngineArguments for a deciding flag whose value vLLM cannot read either.
    """
    values: dict[str, Any] = {}
    dotted: dict[str, dict[str, Any]] = {}
    for found in scan(with_config_file(words)):
        if found.path:
            merge(dotted.setdefault(found.name, {}), found.path, dotted_value(found.value))
        else:
            values[found.name] = converted(found.name, found.value)
    values = {name: value for name, value in values.items() if value is not None}
    values |= dotted  # vLLM appends them as one object, and the last one counts
    return ServerLine(_settings(values), {name: values[name] for name in values if name not in EXTRA_FLAGS})


def _settings(values: dict[str, Any]) -> EngineSettings:
    extra = {EXTRA_FLAGS[name]: _as_text(value) for name, value in values.items() if name in EXTRA_FLAGS}
    overrides = values.get("hf-overrides")
    try:
        return EngineSettings(
            tensor_parallel_size=values.get("tensor-parallel-size", 1),
            pipeline_parallel_size=values.get("pipeline-parallel-size", 1),
            enable_expert_parallel=values.get("enable-expert-parallel", False),
            dtype=values.get("dtype", "auto"),
            quantization=values.get("quantization", ""),
            trust_remote_code=values.get("trust-remote-code", False),
            hf_overrides=json.dumps(overrides) if overrides else "",
            extra_args=extra,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise invalid_flag(str(first["loc"][0]).replace("_", "-"), one_line(first["msg"], 200)) from None


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
