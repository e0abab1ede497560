"""Engine settings of a spec, good and bad, alone and mixed: what admission rules and worker judge in tests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from shardwright_worker.contract.vllm_support.engine_arguments import DTYPES, EXTRA_ARGUMENTS, Argument, Value
from shardwright_worker.contract.vllm_support.load_formats import LOAD_FORMATS
from shardwright_worker.contract.vllm_support.quantization import METHODS
from tools.testing.file_patterns import patterns

SIZES = ((1, 1), (2, 1), (1, 2), (16, 2))


class Case(NamedTuple):
    """`spec.engine` and `spec.output.filePattern`."""

    engine: dict[str, Any]
    pattern: str = ""


def engine_cases(mixed: int) -> Iterator[Case]:
    """Yield every value alone, every pattern with every pair of sizes, and `mixed` random mixtures."""
    for fields in _fields():
        yield Case(fields)
    for pattern in patterns(150):
        for tensor, pipeline in SIZES:
            yield Case({"tensorParallelSize": tensor, "pipelineParallelSize": pipeline}, pattern)
    yield from _mixtures(mixed)


def _fields() -> Iterator[dict[str, Any]]:
    for method in [*METHODS, "unknown_method", "", " fp8"]:
        yield from ({"quantization": spelled} for spelled in {method, method.upper(), method.capitalize()})
    yield from ({"dtype": name} for name in (*DTYPES, "int8", "", "Half", "torch.float16"))
    for text in ("", "{}", '{"rope_theta": 1}', "[1]", "rope=1", "{", "{]}", '{"a": 1, "a": 2}', '{"a": NaN}'):
        yield {"hfOverrides": text}
    for name, argument in EXTRA_ARGUMENTS.items():
        yield from ({"extraArgs": {name: value}} for value in _values(argument))
    for name in ("enable_lora", "data_parallel_size", "max_model_len", "model", "unknown", "Runner", "load-format"):
        yield {"extraArgs": {name: "1"}}


def _values(argument: Argument) -> list[str]:
    match argument.value:
        case Value.CHOICE:
            odd = [argument.choices[-1].upper(), f" {argument.choices[0]}", "", "nonsense"]
            return [*argument.choices, *odd, *(LOAD_FORMATS if "auto" in argument.choices else ())]
        case Value.SWITCH:
            return ["true", "false", "True", "FALSE", "1", "0", "yes", ""]
        case Value.COUNT:
            return [
                "1",
                "0",
                "-1",
                "007",
                "000",
                "1.5",
                "999999999",
                "1000000000",
                "9" * 30,
                "0" * 30 + "1",
                "٣",
                "1\n",
                "",
            ]
        case Value.OBJECT:
            return ["{}", '{"image": 2}', '{"image": 0, "video": {"count": 1}}', "[]", "2", "{", ""]
    return ["triton", "auto", "", "Flashinfer-TRTLLM", "--api-key=x", "a b", "ü"]


def _mixtures(count: int) -> Iterator[Case]:
    chance = random.Random(11)
    names, alone = list(EXTRA_ARGUMENTS), list(_fields())
    several = list(patterns(60))
    for _ in range(count):
        tensor, pipeline = chance.choice(SIZES)
        engine: dict[str, Any] = {"tensorParallelSize": tensor, "pipelineParallelSize": pipeline}
        for fields in chance.sample(alone, chance.randint(0, 2)):
            engine |= fields
        extra = {
            name: chance.choice(_values(EXTRA_ARGUMENTS[name])) for name in chance.sample(names, chance.randint(0, 2))
        }
        engine["extraArgs"] = {**engine.get("extraArgs", {}), **extra}
        yield Case(engine, chance.choice(["", "", *several]))
