"""Measures the load of a source and of its shards, one after the other; a failure is logged and costs no artifact."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.measured import Measured, MeasuredLoad
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import one_line
from shardwright_worker.engine.child import Child, stop_all
from shardwright_worker.engine.messages import EngineJob, TimedLoad
from shardwright_worker.files.regular_file import NotRegularFileError
from shardwright_worker.measure.measure_process import load_timed
from shardwright_worker.measure.storage_reads import drop_from_page_cache

LIMIT = 1800.0  # seconds; a load that hangs must not use up the deadline of the Job, which would cost the artifact


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """A source and its artifact, the names of the files that vLLM reads of each, and how both are loaded."""

    source: Path
    source_files: Sequence[str]
    artifact: Path
    artifact_files: Sequence[str]
    settings: EngineSettings
    file_pattern: str  # empty: vLLM's own


def measure(
    request: MeasureRequest, scratch: Path, on_poll: Callable[[], None], limit: float = LIMIT
) -> Measured | None:
    """Return how long each load took; None, with a line on stderr, if one cannot be measured.

    `on_poll` is called while vLLM works. `limit`: seconds after which an engine process is ended.
    """
    try:
        return Measured(
            source=_load(request, request.source, scratch / "measure-source", _limited(on_poll, limit)),
            shards=_load(request, None, scratch / "measure-shards", _limited(on_poll, limit)),
        )
    except (WorkerFailure, OSError, NotRegularFileError) as error:
        print(one_line(f"The loads are not measured: {error}"), file=sys.stderr, flush=True)
        return None
    finally:
        stop_all()


def _limited(on_poll: Callable[[], None], limit: float) -> Callable[[], None]:
    """Return a function that polls, and raises WorkerFailure `limit` seconds from now."""
    end = time.monotonic() + limit

    def poll() -> None:
        on_poll()
        if time.monotonic() >= end:
            raise WorkerFailure(Reason.UNEXPECTED_ERROR, f"a load took longer than {limit:.0f} s")

    return poll


def _load(request: MeasureRequest, source: Path | None, scratch: Path, on_poll: Callable[[], None]) -> MeasuredLoad:
    """Load the source, or the shards if it is None, with none of the files in the page cache."""
    job = EngineJob(
        source=source,
        output=request.artifact,
        scratch=scratch,
        settings=request.settings,
        file_pattern=request.file_pattern,
    )
    names = request.source_files if source else request.artifact_files
    drop_from_page_cache(job.model / name for name in names)
    return slowest(Child(load_timed, TimedLoad, job).wait(on_poll), request.settings.world_size)


def slowest(load: TimedLoad, ranks: int) -> MeasuredLoad:
    """Return the seconds of the slowest rank, and the bytes that all ranks have read.

    A system that counts no bytes for a file system, such as tmpfs, reports 0 of them.

    Raises:
        WorkerFailure: UnexpectedError, if a rank has measured nothing.
    """
    if len(load.ranks) != ranks:
        message = f"{len(load.ranks)} of {ranks} ranks have timed their load: this vLLM loads in another way"
        raise WorkerFailure(Reason.UNEXPECTED_ERROR, message)
    read = [rank.bytes_read for rank in load.ranks if rank.bytes_read is not None]
    total = sum(read) if len(read) == ranks else 0
    return MeasuredLoad(seconds=round(max(rank.seconds for rank in load.ranks), 3), bytes_read=total or None)
