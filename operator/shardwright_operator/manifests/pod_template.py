"""The worker's pod: it satisfies the restricted Pod Security Standard, runs once, and has no service account token.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from dataclasses import dataclass
from typing import Any

from shardwright_operator.api.job_settings import JobSettings
from shardwright_operator.api.names import WORKER_CONTAINER
from shardwright_operator.api.refused_env import is_refused
from shardwright_operator.api.spec import Spec
from shardwright_operator.manifests.volumes import OUTPUT, REPORT, SCRATCH, Mounts, Volumes

USER = 65532  # user and group of the worker, unless spec.job.podSecurityContext sets others


@dataclass(frozen=True, slots=True)
class Container:
    """What differs between the Jobs: image, arguments, resources, further volumes and their mounts."""

    image: str
    args: list[str]
    resources: dict[str, Any]
    volumes: Volumes
    mounts: Mounts


def build_pod(spec: Spec, container: Container) -> dict[str, Any]:
    """Return the pod's spec."""
    job = spec.job
    claim = spec.output.persistent_volume_claim.claim_name
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _security(job),
        "terminationGracePeriodSeconds": 30,
        "containers": [
            {
                "name": WORKER_CONTAINER,
                "image": container.image,
                "command": ["shardwright-worker"],
                # Kubernetes expands $(NAME) in arguments; $$ is an escaped $.
                # https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/
                "args": [one.replace("$", "$$") for one in container.args],
                "env": _env(job),
                "resources": container.resources,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "terminationMessagePath": REPORT,
                # Without a report the end of the log is all that is left of the pod once it is gone.
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": [
                    {"name": "output", "mountPath": OUTPUT},
                    {"name": "scratch", "mountPath": SCRATCH},
                    *container.mounts,
                ],
            }
        ],
        "volumes": [
            {"name": "output", "persistentVolumeClaim": {"claimName": claim}},
            {"name": "scratch", "emptyDir": {}},
            *container.volumes,
        ],
    }
    return {**pod, **_scheduling(job)}


def _security(job: JobSettings) -> dict[str, Any]:
    given = job.pod_security_context
    context: dict[str, Any] = {
        "runAsNonRoot": True,
        "runAsUser": given.run_as_user or USER,
        "runAsGroup": USER if given.run_as_group is None else given.run_as_group,
        "fsGroup": USER if given.fs_group is None else given.fs_group,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if given.supplemental_groups:
        context["supplementalGroups"] = list(given.supplemental_groups)
    return context


def _env(job: JobSettings) -> list[dict[str, str]]:
    ours = {"HOME": SCRATCH, "TMPDIR": SCRATCH, "PYTHONUNBUFFERED": "1"}
    # The CRD's rules reject these names; a resource may be older than the rules.
    theirs = {one.name: one.value for one in job.env if not is_refused(one.name)}
    return [{"name": name, "value": value} for name, value in {**theirs, **ours}.items()]


def _scheduling(job: JobSettings) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "nodeSelector": dict(job.node_selector),
        "tolerations": [one.model_dump(by_alias=True, exclude_defaults=True) for one in job.tolerations],
        "priorityClassName": job.priority_class_name,
        "runtimeClassName": job.runtime_class_name,
        "schedulerName": job.scheduler_name,
        "imagePullSecrets": [{"name": one.name} for one in job.image_pull_secrets],
    }
    if job.affinity:
        # An empty selector matches everything and a missing one nothing: what is not set must not appear.
        fields["affinity"] = job.affinity.model_dump(by_alias=True, exclude_unset=True)
    return {name: value for name, value in fields.items() if value}
