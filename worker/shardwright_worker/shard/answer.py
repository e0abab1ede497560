"""What a child process tells its parent: one answer, or one failure, in a file."""

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason

JOB, ANSWER = "JOB.json", "ANSWER.json"
T = TypeVar("T")


class Answer:
    """Writes into the folder that parent and child share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def guard(self, call: Callable[[], T], otherwise: Reason, scratch: Path | None = None) -> T:
        """What `call` returns; an error becomes a WorkerFailure, a rank's own words before the driver's."""
        from shardwright_worker.shard.failures import classify, classify_rank
        from shardwright_worker.shard.rank import heard

        try:
            return call()
        except Exception as error:
            traceback.print_exc()
            failed = heard(scratch, "failed") if scratch else {}
            if failed:
                rank = min(failed)
                raise classify_rank(rank, failed[rank]) from error
            raise classify(error, otherwise) from error

    def finish(self, value: dict[str, Any]) -> None:
        """The answer."""
        self._write({"value": value})

    def fail(self, failure: WorkerFailure) -> None:
        """The failure, instead of an answer."""
        told = {"reason": failure.reason.value, "message": failure.message, "rank": failure.rank}
        self._write({"failure": {**told, "error_type": failure.error_type}})

    def _write(self, value: dict[str, Any]) -> None:
        part = self._folder / f"{ANSWER}.tmp"
        part.write_text(json.dumps(value))
        part.replace(self._folder / ANSWER)


@contextmanager
def answering(folder: Path) -> Iterator[Answer]:
    """An Answer; whatever is raised inside becomes its failure."""
    answer = Answer(folder)
    try:
        yield answer
    except WorkerFailure as failure:
        answer.fail(failure)
    except Exception as error:
        from shardwright_worker.shard.failures import classify

        traceback.print_exc()
        answer.fail(classify(error, Reason.WORKER_PROTOCOL_ERROR))
