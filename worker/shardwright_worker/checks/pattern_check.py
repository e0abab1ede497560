"""Checks a pattern for part files before anything is loaded."""

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.file_pattern import problems
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import clean


def check_pattern(pattern: str, engine: EngineSettings) -> None:
    """InvalidEngineArguments if two parts could get one name, a rank another's files, or a name leave its folder."""
    wrong = problems(pattern, engine.tensor_parallel_size, engine.pipeline_parallel_size)
    if wrong:
        shown = clean(pattern, 100)
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"file pattern {shown!r} {'; '.join(wrong)}")
