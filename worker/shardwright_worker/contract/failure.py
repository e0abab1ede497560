"""The one exception that ends a worker with a reason."""

from shardwright_worker.contract.reasons import MEANINGS, Reason


class WorkerFailure(Exception):  # noqa: N818 - the field's word is failure
    """A reason of the closed list, and one line that says what is wrong and what to do.

    `rank` and `error_type`: of the rank that raised the error, if one did. `retry_after`: seconds that the Hub asked
    clients to wait.
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
        """The exit code of the process for this reason."""
        code = MEANINGS[self.reason].exit_code
        assert code is not None
        return code
