"""Checks the pattern for the names of part files before anything is loaded."""

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import one_line
from shardwright_worker.contract.vllm_support.part_names import problems


def check_pattern(pattern: str, engine: EngineSettings) -> None:
    """Check that the pattern names every part of every rank differently, inside its folder, for vLLM to find.

    Raises:
        WorkerFailure: InvalidEngineArguments with everything that is wrong with it.
    """
    wrong = problems(pattern, engine.tensor_parallel_size, engine.pipeline_parallel_size)
    if wrong:
        shown = one_line(pattern, 100)
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"file pattern {shown!r} {'; '.join(wrong)}")
