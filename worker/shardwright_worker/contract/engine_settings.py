"""The engine settings that decide an artifact's bytes, and the command line they become."""

import json

from pydantic import Field

from shardwright_worker.contract.bounded_types import Wire

# vLLM engine arguments (snake_case) beside the named ones that may decide bytes or help to load. All else is refused.
ALLOWED_EXTRA_ARGS: dict[str, str] = {
    "code_revision": "revision of the model's code on the hub",
    "config_format": "auto, hf or mistral",
    "convert": "auto, none, embed, classify, reward or mm_encoder_only",
    "distributed_timeout_seconds": "how long ranks wait for each other",
    "language_model_only": "true: leave multimodal encoders out",
    "limit_mm_per_prompt": "JSON",
    "linear_backend": "kernel family of linear layers",
    "load_format": "how the source is read: auto, safetensors, pt, runai_streamer, fastsafetensors",
    "max_parallel_loading_workers": "ranks that load at a time",
    "model_impl": "auto, vllm or transformers",
    "moe_backend": "kernel family of expert layers",
    "runner": "auto, generate, pooling or draft",
    "safetensors_load_strategy": "lazy, eager or prefetch",
}


# Of these the ones that are on or off; every other one has a value.
SWITCHES = ("language_model_only",)
# They say how a source is read, and mean nothing to a server of shards.
READING_ONLY = ("load_format", "safetensors_load_strategy", "max_parallel_loading_workers")


MOST_RANKS = 2**20


def flag(name: str, value: str) -> list[str]:
    """A flag with its value. A value that looks like a flag itself is joined to its own, so that it cannot be one."""
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


class EngineSettings(Wire):
    """vLLM's argument names; what is not given is vLLM's default."""

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
        """Flags that the worker and vLLM have alike."""
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
        """The worker's command line flags for these settings."""
        arguments = self._named()
        for name, value in sorted(self.extra_args.items()):
            arguments += ["--engine-arg", f"{name}={value}"]
        return arguments

    def serving_arguments(self) -> list[str]:
        """The flags that a stock `vllm serve` needs to load an artifact of these settings."""
        arguments = self._named()
        for name, value in sorted(self.extra_args.items()):
            spelled = name.replace("_", "-")
            if name in SWITCHES:
                arguments.append(f"--{spelled}" if value.lower() in ("true", "1") else f"--no-{spelled}")
            elif name not in READING_ONLY:
                arguments += flag(f"--{spelled}", value)
        return arguments

    def identity(self) -> dict[str, object]:
        """What of these settings belongs to an artifact's identity, as JSON types."""
        values = self.model_dump(mode="json")
        values["hf_overrides"] = overrides_of(self.hf_overrides)
        return values


def overrides_of(text: str) -> object:
    """What a JSON text of overrides means, however it is spaced; the text itself if it is none."""
    try:
        return json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return text
