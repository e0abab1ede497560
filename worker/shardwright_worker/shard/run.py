"""The whole way of one artifact: load, save, metadata, verify, publish."""

from collections.abc import Callable

from shardwright_worker.contract.progress import Progress
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.shard.request import ShardRequest

__all__ = ["ShardRequest", "shard", "stop"]


def shard(request: ShardRequest, progress: Callable[[Progress], None]) -> ArtifactReport:
    """Publish the artifact that the request names, or find it published. Raises WorkerFailure."""
    raise NotImplementedError


def stop() -> None:
    """Kill every process that shard() started. For a signal handler; shard() does not return after it."""
