"""Converts the API server's objects to what the cache holds; everything else of an object is dropped."""

from collections.abc import Callable

from shardwright_operator.kube.cached_objects import AnyEntry
from shardwright_operator.kube.convert.checkpoint import convert_checkpoint
from shardwright_operator.kube.convert.claim import convert_claim
from shardwright_operator.kube.convert.fields import Raw
from shardwright_operator.kube.convert.job import convert_job
from shardwright_operator.kube.convert.pod import convert_pod
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind

# Each raises `MalformedObjectError` and nothing else.
CONVERTERS: dict[Kind, Callable[[Raw], AnyEntry]] = {
    CHECKPOINTS: convert_checkpoint,
    JOBS: convert_job,
    PODS: convert_pod,
    CLAIMS: convert_claim,
}
