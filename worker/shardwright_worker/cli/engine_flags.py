"""vLLM's engine flags on the command line: which decide bytes, which are ignored, which are refused and why."""

import argparse

from pydantic import ValidationError

from shardwright_worker.cli.hf_overrides import check_overrides
from shardwright_worker.contract.engine_settings import ALLOWED_EXTRA_ARGS, EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.quantization import UNSAVABLE
from shardwright_worker.contract.reasons import Reason

_SWITCHES = {"language_model_only"}
_LOAD_FORMATS = (
    "auto", "hf", "safetensors", "pt", "npcache", "mistral", "runai_streamer", "fastsafetensors", "instanttensor",
)  # fmt: skip

# Flags of vLLM that change how a model is served, not what its shards hold. Commands for vLLM's script have them.
_IGNORED = (
    "max-model-len", "gpu-memory-utilization", "max-num-seqs", "max-num-batched-tokens", "kv-cache-dtype", "block-size",
    "seed", "swap-space", "served-model-name", "distributed-executor-backend", "tokenizer", "tokenizer-mode",
)  # fmt: skip
_IGNORED_SWITCHES = (
    "enforce-eager", "skip-tokenizer-init", "disable-log-stats", "disable-custom-all-reduce", "enable-prefix-caching",
)  # fmt: skip

_LORA = "LoRA changes the names of the weights: save the base model without it; adapters load onto plain shards"
_ONE_COPY = "files are named by tensor and pipeline rank only, so copies would overwrite each other: leave it at 1"
_DRAFT = "a draft model's weights are not part of the shards: leave it out here, and give it when serving"
_OFFLOAD = "offloading decides where weights live when serving, and hides them from a save: leave it out here"
_REFUSED = {
    "enable-lora": _LORA,
    "lora-modules": _LORA,
    "speculative-config": _DRAFT,
    "speculative-model": _DRAFT,
    "cpu-offload-gb": _OFFLOAD,
    "enable-eplb": "redundant experts change from run to run, so shards cannot hold them: leave it out here",
}
_REFUSED_ABOVE_ONE = {"data-parallel-size": "-dp", "prefill-context-parallel-size": "-pcp"}
_REFUSED_LOAD_FORMATS = {
    "dummy": (Reason.INVALID_ENGINE_ARGUMENTS, "it makes random weights, and there is nothing true to save"),
    **{name: (Reason.UNSUPPORTED_QUANTIZATION, UNSAVABLE[name]) for name in ("bitsandbytes", "gguf")},
    "sharded_state": (Reason.INVALID_ENGINE_ARGUMENTS, "the source would be sharded already: serve it as it is"),
}


class _Refuse(argparse.Action):
    """Ends with the reason why a flag cannot be honoured."""

    def __call__(self, _parser: object, _space: object, values: object, option: str | None = None) -> None:
        flag = (option or "").lstrip("-")
        short = {letters.lstrip("-"): name for name, letters in _REFUSED_ABOVE_ONE.items()}
        name = short.get(flag, flag)
        if name in _REFUSED_ABOVE_ONE:
            if values == "1":
                return
            raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"--{name} {values} is refused: {_ONE_COPY}")
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"--{name} is refused: {_REFUSED[name]}")


def add_engine_flags(parser: argparse.ArgumentParser) -> None:
    """Add vLLM's flags under their own names."""
    group = parser.add_argument_group("engine", "vLLM's own arguments; what is not given is vLLM's default")
    group.add_argument(
        "--tensor-parallel-size", "-tp", type=int, default=1, metavar="N", help="ranks a layer is split over (1)"
    )
    group.add_argument(
        "--pipeline-parallel-size", "-pp", type=int, default=1, metavar="N", help="ranks the layers are dealt to (1)"
    )
    group.add_argument("--enable-expert-parallel", "-ep", action="store_true", help="whole experts on each rank")
    group.add_argument("--dtype", default="auto", help="auto, bfloat16, float16 or float32 (auto: as the model says)")
    group.add_argument("--quantization", "-q", default="", help="method, if the model's files do not tell it")
    group.add_argument("--trust-remote-code", action="store_true", help="run the Python code that the model brings")
    group.add_argument("--hf-overrides", default="", metavar="JSON", help="object merged over the model's config.json")
    group.add_argument(
        "--engine-arg",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another vLLM argument; allowed are " + ", ".join(sorted(ALLOWED_EXTRA_ARGS)),
    )
    for name, meaning in sorted(ALLOWED_EXTRA_ARGS.items()):
        flag = "--" + name.replace("_", "-")
        if name in _SWITCHES:
            group.add_argument(flag, dest=f"extra_{name}", nargs="?", const="true", help=meaning)
        else:
            group.add_argument(flag, dest=f"extra_{name}", metavar="VALUE", help=meaning)
    _add_silent_flags(parser)


def _add_silent_flags(parser: argparse.ArgumentParser) -> None:
    hidden = argparse.SUPPRESS
    for name in _IGNORED:
        parser.add_argument(f"--{name}", dest="ignored", action="append", help=hidden)
    for name in _IGNORED_SWITCHES:
        parser.add_argument(f"--{name}", dest="ignored", action="append_const", const="", help=hidden)
    for name in _REFUSED:
        parser.add_argument(f"--{name}", action=_Refuse, nargs="*", dest=hidden, help=hidden)
    for name, letters in _REFUSED_ABOVE_ONE.items():
        parser.add_argument(f"--{name}", letters, action=_Refuse, dest=hidden, help=hidden)


def engine_settings(arguments: argparse.Namespace) -> EngineSettings:
    """The settings that the flags name; InvalidEngineArguments if they cannot be."""
    extra = _extra_arguments(arguments)
    _check_load_format(extra.get("load_format", "auto"))
    if why := UNSAVABLE.get(arguments.quantization):
        message = f"--quantization {arguments.quantization} is refused, its weights cannot be saved as shards: {why}"
        raise WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, message)
    _check_texts([arguments.dtype, arguments.quantization, arguments.hf_overrides, *extra.values()])
    check_overrides(arguments.hf_overrides)
    try:
        return EngineSettings(
            tensor_parallel_size=arguments.tensor_parallel_size,
            pipeline_parallel_size=arguments.pipeline_parallel_size,
            enable_expert_parallel=arguments.enable_expert_parallel,
            dtype=arguments.dtype,
            quantization=arguments.quantization,
            trust_remote_code=arguments.trust_remote_code,
            hf_overrides=arguments.hf_overrides,
            extra_args=extra,
        )
    except ValidationError as error:
        wrong = [f"--{str(each['loc'][0]).replace('_', '-')}: {each['msg']}" for each in error.errors()]
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, "; ".join(wrong)) from None


def _extra_arguments(arguments: argparse.Namespace) -> dict[str, str]:
    extra: dict[str, str] = {}
    for text in arguments.engine_arg:
        name, separator, value = text.partition("=")
        name = name.strip().lstrip("-").replace("-", "_")
        if not separator:
            raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"--engine-arg {text}: write it as NAME=VALUE")
        if name not in ALLOWED_EXTRA_ARGS:
            allowed = ", ".join(sorted(ALLOWED_EXTRA_ARGS))
            raise WorkerFailure(
                Reason.INVALID_ENGINE_ARGUMENTS,
                f"--engine-arg {name}: this argument is not allowed, for it may change what the shards hold in ways "
                f"that nobody has proven, or belongs to serving; allowed are {allowed}",
            )
        extra[name] = value
    for name in ALLOWED_EXTRA_ARGS:
        value = getattr(arguments, f"extra_{name}")
        if value is not None:
            extra[name] = value
    return extra


def _check_load_format(name: str) -> None:
    if name in _REFUSED_LOAD_FORMATS:
        reason, why = _REFUSED_LOAD_FORMATS[name]
        raise WorkerFailure(reason, f"load_format {name} is refused: {why}")
    if name not in _LOAD_FORMATS:
        raise WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"load_format {name} is not one that a source can be read with; these are {', '.join(_LOAD_FORMATS)}",
        )


def _check_texts(texts: list[str]) -> None:
    """Arguments are bytes; those that are no text would fail later, wherever they are first written."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"{text!r} is not UTF-8 text") from None
