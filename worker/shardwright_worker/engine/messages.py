"""What a child process tells its parent: one answer, or one failure, in a file."""

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.classify import classify
from shardwright_worker.engine.io_errors import Sides
from shardwright_worker.engine.rank_exits import note_deaths
from shardwright_worker.engine.root_cause import cause_in

JOB, ANSWER = "JOB.json", "ANSWER.json"
T = TypeVar("T")


class Answer:
    """Writes into the folder that parent and child share. `sides`: where the child reads and writes."""

    def __init__(self, folder: Path, sides: Sides) -> None:
        self._folder, self._sides = folder, sides

    def guard(self, call: Callable[[], T], otherwise: Reason, scratch: Path | None = None) -> T:
        """What `call` returns; an error becomes a WorkerFailure, a rank's own words before the driver's."""
        try:
            return call()
        except Exception as error:
            traceback.print_exc()
            if scratch:
                note_deaths(scratch)
                if cause := cause_in(scratch, otherwise, self._sides):
                    raise cause from error
            raise classify(error, otherwise, self._sides) from error

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
def answering(folder: Path, sides: Sides) -> Iterator[Answer]:
    """An Answer; whatever is raised inside becomes its failure."""
    answer = Answer(folder, sides)
    try:
        yield answer
    except WorkerFailure as failure:
        answer.fail(failure)
    except Exception as error:
        traceback.print_exc()
        answer.fail(classify(error, Reason.UNEXPECTED_ERROR, sides))
