"""Turns the engine flags of a command line into EngineSettings, and refuses those that no source can have."""

import argparse

from pydantic import ValidationError

from shardwright_worker.cli.hf_overrides import check_overrides
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.engine_arguments import DTYPES, EXTRA_ARGUMENTS, without_unset
from shardwright_worker.contract.vllm_support.load_formats import LOAD_FORMATS, SOURCE_FORMATS
from shardwright_worker.contract.vllm_support.other_arguments import RUN_ONLY
from shardwright_worker.contract.vllm_support.quantization import UNSAVABLE, unsavable
from shardwright_worker.contract.vllm_support.refused_arguments import refusal_of
from shardwright_worker.contract.vllm_support.worker_flags import WHY_IGNORED


def engine_settings(arguments: argparse.Namespace) -> EngineSettings:
    """Return the settings of a parsed command line.

    Raises:
        WorkerFailure: InvalidEngineArguments, or UnsupportedQuantization if shards cannot hold what is asked for.
    """
    extra = _extra_arguments(arguments)
    _check_load_format(extra.get("load_format", "auto"))
    if message := unsavable(arguments.quantization, "--quantization"):
        raise WorkerFailure(Reason.UNSUPPORTED_QUANTIZATION, message)
    _check_texts([arguments.dtype, arguments.quantization, arguments.hf_overrides, *extra.values()])
    if arguments.dtype not in DTYPES:
        message = f"--dtype {arguments.dtype} is not one of {', '.join(DTYPES)}"
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, message)
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
        if name not in EXTRA_ARGUMENTS:
            raise _not_allowed(name)
        extra[name] = value
    for name in EXTRA_ARGUMENTS:
        value = getattr(arguments, f"extra_{name}")
        if value is not None:
            extra[name] = value
    return without_unset(extra)


def _not_allowed(name: str) -> WorkerFailure:
    if name in RUN_ONLY:
        why = f"changes {WHY_IGNORED}: leave it out here, and pass it to the server"
    else:
        why = f"is refused: {refusal_of(name)}"
    allowed = ", ".join(sorted(EXTRA_ARGUMENTS))
    return WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"--engine-arg {name}: {why}; allowed are {allowed}")


def _check_load_format(name: str) -> None:
    if name in SOURCE_FORMATS:
        return
    refused = LOAD_FORMATS.get(name)
    if refused is None:
        raise WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"load_format {name} cannot read a source; use one of {', '.join(SOURCE_FORMATS)}",
        )
    reason = Reason.UNSUPPORTED_QUANTIZATION if name in UNSAVABLE else Reason.INVALID_ENGINE_ARGUMENTS
    raise WorkerFailure(reason, f"load_format {name} is refused: {refused.why}")


def _check_texts(texts: list[str]) -> None:
    """Refuse bytes that are not UTF-8; they would fail later, wherever they are first written."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"{text!r} is not UTF-8 text") from None
