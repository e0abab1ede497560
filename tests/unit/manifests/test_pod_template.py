"""The worker's pod: restricted, without a token, and with the spec's job fields."""

from __future__ import annotations

from typing import Any

from tests.unit.manifests.built_jobs import (
    BOTH,
    SOURCES,
    pod_of,
    shard_job,
    worker_of,
)


@BOTH
@SOURCES
def test_pods_have_no_service_account_token_and_write_to_scratch_only(build: Any, parts: dict[str, Any]) -> None:
    job = build(**parts)
    pod, worker = pod_of(job), worker_of(job)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert worker["securityContext"]["readOnlyRootFilesystem"] is True
    assert "serviceAccountName" not in pod
    scratch = [mount["mountPath"] for mount in worker["volumeMounts"] if mount["name"] == "scratch"]
    assert scratch == ["/tmp"]
    assert {"name": "HOME", "value": "/tmp"} in worker["env"]


@BOTH
def test_job_fields_reach_the_pod(build: Any) -> None:
    required, preferred = (f"{when}DuringSchedulingIgnoredDuringExecution" for when in ("required", "preferred"))
    hosts = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
    affinity = {
        "nodeAffinity": {
            required: {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]}
        },
        "podAffinity": {required: [hosts]},
        "podAntiAffinity": {preferred: [{"weight": 1, "podAffinityTerm": {"topologyKey": "zone"}}]},
    }
    pod = pod_of(
        build(
            job={
                "nodeSelector": {"pool": "gpu"},
                "tolerations": [{"key": "gpu", "operator": "Exists"}, {"key": "spot", "value": "yes"}],
                "affinity": affinity,
                "priorityClassName": "high",
                "runtimeClassName": "nvidia",
                "schedulerName": "other",
                "imagePullSecrets": [{"name": "registry"}],
                "env": [{"name": "HTTPS_PROXY", "value": "http://proxy"}],
                "podSecurityContext": {"runAsUser": 7, "runAsGroup": 0, "fsGroup": 0, "supplementalGroups": [9]},
            }
        )
    )
    assert pod["nodeSelector"] == {"pool": "gpu"}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists"}, {"key": "spot", "value": "yes"}]
    assert pod["affinity"] == affinity
    assert (pod["priorityClassName"], pod["runtimeClassName"], pod["schedulerName"]) == ("high", "nvidia", "other")
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert {"name": "HTTPS_PROXY", "value": "http://proxy"} in pod["containers"][0]["env"]
    ids = pod["securityContext"]
    assert (ids["runAsUser"], ids["runAsGroup"], ids["fsGroup"], ids["supplementalGroups"]) == (7, 0, 0, [9])


def test_user_and_group_have_defaults() -> None:
    ids = pod_of(shard_job())["securityContext"]
    assert (ids["runAsUser"], ids["runAsGroup"], ids["fsGroup"]) == (65532, 65532, 65532)


@BOTH
def test_the_end_of_the_log_replaces_a_missing_report(build: Any) -> None:
    assert worker_of(build())["terminationMessagePolicy"] == "FallbackToLogsOnError"
