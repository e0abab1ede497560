"""vLLM's engine arguments that spec.engine.extraArgs and --engine-arg may set, beside those with a field of their own.

https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/engine/arg_utils.py#L417
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/engine/arg_utils.py#L471
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from shardwright_worker.contract.vllm_support.load_formats import SOURCE_FORMATS

# Values of dtype, and the type that each means; auto is the model's own.
# https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/config/model.py#L89
DTYPES = {
    "auto": "auto",
    "half": "float16",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float": "float32",
    "float32": "float32",
}
# Values that stand for none: https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/engine/arg_utils.py#L172
UNSET = ("", "None")
COUNT = "0*[1-9][0-9]{0,8}"  # a regular expression that RE2 and Python read alike


class Effect(StrEnum):
    """What an argument decides."""

    SHARDS = "what the shards hold: a server of them needs it too"
    READING = "how the source is read: a server of shards has no use for it"
    RUNNING = "how ranks run: a server may have another value"


class Value(StrEnum):
    """How an argument's value is written."""

    TEXT = "text"
    CHOICE = "one of the choices"
    SWITCH = "true or false"
    COUNT = "a whole number above 0, of at most 9 digits"
    OBJECT = "a JSON object"
    BACKEND = "the name of a kernel family; which exist differs between releases"


class Argument(NamedTuple):
    """An engine argument. `default` is vLLM's own; `usual` is what `auto` becomes for most models."""

    help: str
    value: Value = Value.TEXT
    effect: Effect = Effect.SHARDS
    choices: tuple[str, ...] = ()
    default: str = "auto"
    usual: str = ""


# Choices: RunnerOption, ConvertOption, ModelImpl, ConfigFormat, SafetensorsLoadStrategy, the same in all releases.
# https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/config/model.py#L83
# https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/transformers_utils/config.py#L400
# https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/config/load.py#L14
EXTRA_ARGUMENTS: dict[str, Argument] = {
    "code_revision": Argument("revision of the model's code on the Hugging Face Hub", default=""),
    "config_format": Argument(
        "format of the model's configuration", Value.CHOICE, choices=("auto", "hf", "mistral"), usual="hf"
    ),
    "convert": Argument(
        "adapter that makes a pooling model of a generating one",
        Value.CHOICE,
        choices=("auto", "none", "embed", "classify"),
        usual="none",
    ),
    "distributed_timeout_seconds": Argument(
        "seconds for which ranks wait for each other", Value.COUNT, Effect.RUNNING, default=""
    ),
    "language_model_only": Argument("leave multimodal encoders out", Value.SWITCH, default="false"),
    "limit_mm_per_prompt": Argument(
        'largest number of inputs of each kind, such as {"image": 2}; 0 leaves the encoder out',
        Value.OBJECT,
        default="{}",
    ),
    "linear_backend": Argument("kernel family of linear layers", Value.BACKEND),
    "load_format": Argument("how the source is read", Value.CHOICE, Effect.READING, SOURCE_FORMATS),
    "max_parallel_loading_workers": Argument("ranks that load at a time", Value.COUNT, Effect.READING, default=""),
    "model_impl": Argument(
        "whose implementation of the model runs",
        Value.CHOICE,
        choices=("auto", "vllm", "transformers", "terratorch"),
        usual="vllm",
    ),
    "moe_backend": Argument("kernel family of expert layers", Value.BACKEND),
    "runner": Argument(
        "what the model does", Value.CHOICE, choices=("auto", "generate", "pooling", "draft"), usual="generate"
    ),
    "safetensors_load_strategy": Argument(
        "how safetensors files are read",
        Value.CHOICE,
        Effect.READING,
        ("lazy", "eager", "prefetch", "torchao"),
        default="",
    ),
}


def accepts(argument: Argument, value: str) -> bool:
    """Return whether the argument may have this value, as far as all supported releases agree."""
    match argument.value:
        case Value.CHOICE:
            return value in argument.choices
        case Value.SWITCH:
            return value.lower() in ("true", "false")
        case Value.COUNT:
            return re.fullmatch(COUNT, value) is not None
        case Value.OBJECT:
            return isinstance(_read(value), dict)
    return True


def without_unset(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the extra arguments without those whose value stands for none, as it does where vLLM's own default is."""
    return {name: value for name, value in extra.items() if not _is_unset(name, value)}


def _is_unset(name: str, value: str) -> bool:
    return value in UNSET and name in EXTRA_ARGUMENTS and not EXTRA_ARGUMENTS[name].default


def canonical(argument: Argument, value: str) -> str:
    """Return the value in the one form that stands for all that mean the same to vLLM; empty for its default.

    vLLM's form of a kernel family: https://github.com/vllm-project/vllm/blob/v0.26.0/vllm/config/kernel.py#L231
    """
    match argument.value:
        case Value.SWITCH:
            value = value.lower()
        case Value.COUNT:
            value = value.lstrip("0") if value.isascii() and value.isdigit() else value
        case Value.BACKEND:
            value = value.lower().replace("-", "_")
        case Value.OBJECT:
            read = _read(value)
            value = value if read is None else json.dumps(read, sort_keys=True, separators=(",", ":"))
    return "" if value == argument.default else value


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
