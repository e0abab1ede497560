"""Checks a pattern for part files by vLLM's rules, before anything is loaded."""

import string

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason

_FIELDS = ("rank", "tp_rank", "pp_rank", "part")


def check_pattern(pattern: str, engine: EngineSettings) -> None:
    """InvalidEngineArguments if two parts could get one name, or the name could leave its folder."""
    try:
        fields = {field for _, field, _, _ in string.Formatter().parse(pattern) if field is not None}
    except ValueError as error:
        raise _invalid(pattern, f"cannot be read: {error}") from None
    if unknown := sorted(fields - set(_FIELDS)):
        raise _invalid(
            pattern, f"has unknown fields {unknown}; there are {{rank}}, {{tp_rank}}, {{pp_rank}} and {{part}}"
        )
    if "/" in pattern or pattern.startswith(".") or not pattern.endswith(".safetensors"):
        raise _invalid(pattern, "must be a plain file name that ends with .safetensors")
    if "part" not in fields:
        raise _invalid(pattern, "needs {part}")
    if engine.pipeline_parallel_size == 1 and "pp_rank" in fields:
        raise _invalid(pattern, "must not use {pp_rank} without pipeline parallelism: vLLM refuses it")
    if engine.tensor_parallel_size > 1 and not fields & {"rank", "tp_rank"}:
        raise _invalid(pattern, "needs {tp_rank}: ranks would overwrite each other's files")
    if engine.pipeline_parallel_size > 1 and "pp_rank" not in fields:  # vLLM's {rank} is the tensor parallel rank
        raise _invalid(pattern, "needs {pp_rank}: pipeline stages would overwrite each other's files")


def _invalid(pattern: str, message: str) -> WorkerFailure:
    return WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"file pattern {pattern!r} {message}")
