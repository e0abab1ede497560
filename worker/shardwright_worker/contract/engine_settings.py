"""The engine settings that decide an artifact's bytes, their canonical form, and the command lines they become."""

import json
from typing import Any

from pydantic import Field

from shardwright_worker.contract.bounded_types import Wire
from shardwright_worker.contract.vllm_support.engine_arguments import (
    DTYPES,
    EXTRA_ARGUMENTS,
    Argument,
    Effect,
    Value,
    canonical,
)

MOST_RANKS = 2**20
_UNKNOWN = Argument("", default="")  # a manifest may name an argument that this version does not know


def flag(name: str, value: str) -> list[str]:
    """Return a flag with its value, as one argument if the value looks like a flag itself."""
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def canonical_dtype(name: str) -> str:
    """Return the type's name as a manifest has it: float16 for half and torch.float16."""
    plain = name.removeprefix("torch.")
    return DTYPES.get(plain, plain)


class EngineSettings(Wire):
    """vLLM's engine arguments by vLLM's names. A field that is not set has vLLM's default."""

    tensor_parallel_size: int = Field(1, ge=1, le=MOST_RANKS)
    pipeline_parallel_size: int = Field(1, ge=1, le=MOST_RANKS)
    enable_expert_parallel: bool = False
    dtype: str = "auto"
    quantization: str = ""
    trust_remote_code: bool = False
    hf_overrides: str = ""
    extra_args: dict[str, str] = Field(default_factory=dict)

    @property
    def world_size(self) -> int:
        """Number of ranks: tensor times pipeline parallel size."""
        return self.tensor_parallel_size * self.pipeline_parallel_size

    def _named(self) -> list[str]:
        """Return the flags that the worker and vLLM share."""
        arguments = ["--tensor-parallel-size", str(self.tensor_parallel_size)]
        if self.pipeline_parallel_size != 1:
            arguments += ["--pipeline-parallel-size", str(self.pipeline_parallel_size)]
        if self.enable_expert_parallel:
            arguments += ["--enable-expert-parallel"]
        if self.dtype != "auto":
            arguments += flag("--dtype", self.dtype)
        if self.quantization:
            arguments += flag("--quantization", self.quantization)
        if self.trust_remote_code:
            arguments += ["--trust-remote-code"]
        if self.hf_overrides:
            arguments += flag("--hf-overrides", self.hf_overrides)
        return arguments

    def to_arguments(self) -> list[str]:
        """Return the worker's flags for these settings."""
        arguments = self._named()
        for name, value in sorted(self.extra_args.items()):
            arguments += ["--engine-arg", f"{name}={value}"]
        return arguments

    def serving_arguments(self) -> list[str]:
        """Return the flags that a stock `vllm serve` needs to load an artifact of these settings."""
        arguments = self._named()
        for name, value in sorted(self.extra_args.items()):
            spelled = name.replace("_", "-")
            argument = EXTRA_ARGUMENTS.get(name, _UNKNOWN)
            if argument.value is Value.SWITCH:
                arguments.append(f"--{spelled}" if value.lower() in ("true", "1") else f"--no-{spelled}")
            elif argument.effect is not Effect.READING:
                arguments += flag(f"--{spelled}", value)
        return arguments

    def identity(self) -> dict[str, Any]:
        """Return the settings in their canonical form as JSON types: equal for all that mean the same to vLLM.

        Defaults are left out of the extra arguments, and names and JSON have one spelling.
        """
        values = self.model_dump(mode="json")
        extra = {name: canonical(EXTRA_ARGUMENTS.get(name, _UNKNOWN), value) for name, value in self.extra_args.items()}
        return {
            **values,
            "dtype": canonical_dtype(self.dtype),
            "quantization": self.quantization.lower(),
            "hf_overrides": overrides_of(self.hf_overrides),
            "extra_args": {name: value for name, value in extra.items() if value},
        }


def overrides_of(text: str) -> object:
    """Return the value of a JSON text of overrides; the text itself if it is not JSON."""
    try:
        return json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return text
