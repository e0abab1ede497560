"""Pods of a Job as the operator reads them from what an API server returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shardwright_operator.decide.observed import Job, Pod
from shardwright_operator.kube.convert.pod import convert_pod

STARTED = "2026-01-01T00:00:00Z"


def api_pod(job: Job, name: str = "", **status: Any) -> Pod:
    """Return a pod of the Job on node-7; `status` are the fields of its status, and `metadata` further ones of that."""
    labels = {"shardwright.io/checkpoint-uid": "uid-1", "batch.kubernetes.io/job-name": job.name}
    owner = {"kind": "Job", "apiVersion": "batch/v1", "name": job.name, "uid": job.uid, "controller": True}
    metadata: dict[str, Any] = {"name": name or job.name, "namespace": "models", "uid": f"uid-{name}", "labels": labels}
    metadata |= {"creationTimestamp": STARTED, "ownerReferences": [owner], **status.pop("metadata", {})}
    raw: Mapping[str, Any] = {"metadata": metadata, "spec": {"nodeName": "node-7"}, "status": status}
    found = convert_pod(raw).value
    assert isinstance(found, Pod)
    return replace(found, job_name=job.name)
