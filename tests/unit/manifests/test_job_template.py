"""What both Jobs have in common: they run once, end, are labeled, and wait in their queue."""

from __future__ import annotations

from typing import Any

from shardwright_operator.api.names import SUSPENDED_LABEL
from tests.unit.manifests.built_jobs import (
    BOTH,
)


@BOTH
def test_jobs_run_once_and_end(build: Any) -> None:
    job = build(job={"deadline": "1h30m", "ttlAfterFinished": "5m"})["spec"]
    assert (job["backoffLimit"], job["completions"], job["parallelism"]) == (0, 1, 1)
    assert (job["activeDeadlineSeconds"], job["ttlSecondsAfterFinished"]) == (5400, 300)
    assert job["podReplacementPolicy"] == "Failed"
    assert job["template"]["spec"]["restartPolicy"] == "Never"


@BOTH
def test_jobs_are_labeled_and_deleted_with_their_resource(build: Any) -> None:
    job = build()
    labels = job["metadata"]["labels"]
    assert labels["shardwright.io/checkpoint"] == "llama"
    assert labels["shardwright.io/checkpoint-uid"] == "uid-1"
    assert labels["shardwright.io/attempt"] == "3"
    assert labels["shardwright.io/inputs"] == "abcdef01"
    assert labels["shardwright.io/template"] == "01234567"
    assert job["spec"]["template"]["metadata"]["labels"].items() <= labels.items()
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == ("uid-1", True, True)


@BOTH
def test_both_jobs_are_created_suspended_for_their_queue(build: Any) -> None:
    queued, plain = build(job={"queueName": "gpus"}), build()
    assert queued["spec"]["suspend"] is True
    assert queued["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert SUSPENDED_LABEL not in queued["metadata"]["labels"], "the queue has suspended it, not the operator"
    assert "suspend" not in plain["spec"]
    assert "kueue.x-k8s.io/queue-name" not in plain["metadata"]["labels"]


@BOTH
def test_a_job_is_kept_long_enough_to_be_observed(build: Any) -> None:
    assert build(job={"ttlAfterFinished": "1s"})["spec"]["ttlSecondsAfterFinished"] == 60
