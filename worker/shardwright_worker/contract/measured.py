"""What a stock vLLM took to load a source and its shards: measured by the worker, on one machine, in one run."""

from shardwright_worker.contract.bounded_types import Count, Seconds, Wire


class MeasuredLoad(Wire):
    """One load. `seconds`: of the slowest rank. `bytes_read`: from storage, by all ranks; None if not counted."""

    seconds: Seconds
    bytes_read: Count | None = None


class Measured(Wire):
    """The load of the source and that of the shards, each with no file of it in the machine's page cache."""

    source: MeasuredLoad
    shards: MeasuredLoad
