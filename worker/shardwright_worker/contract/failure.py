"""The one exception that ends a worker with a reason."""

from shardwright_worker.contract.reasons import MEANINGS, Reason


class WorkerFailure(Exception):  # noqa: N818 - the field's word is failure
    """Something that a person can act on: a reason of the closed list, and one line that says what is wrong.

    `rank` and `error_type` name where it came from, if it came from a rank. `retry_after`: seconds for which a hub
    asked to be left alone.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        rank: int | None = None,
        error_type: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        if MEANINGS[reason].exit_code is None:
            raise ValueError(f"{reason} is not a worker's reason: it has no exit code")
        self.reason = reason
        self.message = message
        self.rank = rank
        self.error_type = error_type
        self.retry_after = retry_after

    @property
    def exit_code(self) -> int:
        """The process's exit code for this reason."""
        code = MEANINGS[self.reason].exit_code
        assert code is not None
        return code
