"""Converts a pod, of whose containers only the worker counts."""

from collections.abc import Mapping
from datetime import datetime
from sys import intern

from shardwright_operator.api.names import WORKER_CONTAINER
from shardwright_operator.decide.observed import Pod
from shardwright_operator.kube.cached_objects import PodEntry
from shardwright_operator.kube.convert.fields import (
    Raw,
    identifier,
    integer,
    mapping,
    mappings,
    reason_and_message,
    text,
    timestamp,
)
from shardwright_operator.kube.convert.malformed import converter
from shardwright_operator.kube.convert.metadata import controller_of, created_at, to_entry
from shardwright_operator.kube.kinds import JOBS, PODS
from shardwright_worker.contract.text import clean_lines

# Characters. The kubelet cuts a termination message at 4096 bytes:
# https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/kubelet/container/runtime.go#L813
_REPORT_LIMIT = 16384


@converter(PODS)
def convert_pod(raw: Raw) -> PodEntry:
    """Return the entry of a pod with the state of its worker container."""
    metadata, status = mapping(raw, "metadata"), mapping(raw, "status")
    conditions = {text(one, "type"): one for one in mappings(status, "conditions")}
    states = {text(one, "name"): mapping(one, "state") for one in mappings(status, "containerStatuses")}
    state = states.get(WORKER_CONTAINER, {})
    terminated = mapping(state, "terminated")
    scheduled, target = conditions.get("PodScheduled", {}), conditions.get("DisruptionTarget", {})
    job_name, job_uid = controller_of(metadata, JOBS)
    pod = Pod(
        name=identifier(metadata, "name"),
        uid=identifier(metadata, "uid"),
        job_name=job_name,
        phase=intern(text(status, "phase") or "Pending"),
        created_at=created_at(metadata),
        deleting="deletionTimestamp" in metadata,
        unscheduled=reason_and_message(scheduled) if text(scheduled, "status") == "False" else None,
        waiting=reason_and_message(mapping(state, "waiting")),
        exit_code=integer(terminated, "exitCode"),
        terminated_reason=text(terminated, "reason") or text(status, "reason"),
        termination_message=_termination_message(terminated),
        # https://github.com/kubernetes/api/blob/v0.36.3/core/v1/types.go#L3534
        disruption=text(target, "reason") if text(target, "status") == "True" else "",
        started_at=timestamp(mapping(state, "running") or terminated, "startedAt"),
        finished_at=timestamp(terminated, "finishedAt"),
        status_reason=text(status, "reason"),
        status_message=text(status, "message"),
        node=text(mapping(raw, "spec"), "nodeName"),
        unreachable_since=_unreachable_since(conditions) if "running" in state else None,
    )
    return to_entry(metadata, job_uid, pod)


def _unreachable_since(conditions: Mapping[str, Raw]) -> datetime | None:
    """Return since when the pod's node has stopped reporting, None if it reports.

    A kubelet sets Ready and ContainersReady together; they differ only by a readiness gate, and then Ready has its
    reason. The node lifecycle controller sets Ready alone.

    https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/controller/util/node/controller_utils.go#L121
    """
    ready, containers = conditions.get("Ready", {}), conditions.get("ContainersReady", {})
    if text(ready, "status") != "False" or text(containers, "status") != "True":
        return None
    return None if text(ready, "reason") == "ReadinessGatesNotReady" else timestamp(ready, "lastTransitionTime")


def _termination_message(terminated: Raw) -> str:
    """Return the worker's report with its lines kept and everything else in it fit to be shown.

    Raises:
        ValueError: it is not text.
    """
    found = terminated.get("message")
    if found is not None and not isinstance(found, str):
        raise ValueError("terminated.message is not text")
    return clean_lines((found or "")[:_REPORT_LIMIT])
