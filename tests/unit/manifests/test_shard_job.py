"""The shard Job: what prepare has named, accelerators by the parallel sizes, and shared memory."""

from __future__ import annotations

from typing import Any

from tests.unit.manifests.built_jobs import (
    arguments_of,
    pod_of,
    prepare_job,
    shard_job,
    worker_of,
)
from tools.testing.job_requests import SOURCE


def test_shard_builds_the_artifact_that_prepare_has_named() -> None:
    arguments = arguments_of(shard_job(verification="Digests"))
    assert (arguments.artifact_name, arguments.source_digest, arguments.source_revision) == (SOURCE.key, "d1", "r1")
    assert (arguments.attempt, arguments.verification) == ("llama-shard-00000000-3", "digests")


def test_shard_measures_only_where_the_spec_asks_for_it() -> None:
    measuring, plain = shard_job(measure=True), shard_job()
    assert arguments_of(measuring).measure
    assert "--measure" not in worker_of(plain)["args"]


def test_accelerators_follow_from_the_parallel_sizes_and_only_shard_has_them() -> None:
    parts: dict[str, Any] = {
        "engine": {"tensorParallelSize": 4, "pipelineParallelSize": 2},
        "job": {"acceleratorResource": "amd.com/gpu", "resources": {"limits": {"memory": "64Gi"}}},
    }
    assert worker_of(shard_job(**parts))["resources"] == {"limits": {"memory": "64Gi", "amd.com/gpu": "8"}}
    prepare = worker_of(prepare_job(**parts))["resources"]
    assert set(prepare) == {"requests", "limits"}
    assert "amd.com/gpu" not in prepare["limits"]


def test_shard_has_shared_memory_for_its_ranks() -> None:
    (volume,) = [one for one in pod_of(shard_job())["volumes"] if one["name"] == "shared-memory"]
    assert volume["emptyDir"] == {"medium": "Memory"}
    assert {"name": "shared-memory", "mountPath": "/dev/shm"} in worker_of(shard_job())["volumeMounts"]


def test_quantities_may_be_numbers_and_are_not_changed() -> None:
    resources = {"requests": {"cpu": 2, "memory": "8Gi"}, "limits": {"cpu": "4", "memory": 17179869184}}
    built = worker_of(shard_job(job={"resources": resources}))["resources"]
    assert built["requests"] == {"cpu": 2, "memory": "8Gi"}
    assert built["limits"] == {"cpu": "4", "memory": 17179869184, "nvidia.com/gpu": "2"}
