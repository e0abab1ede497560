"""What both Jobs have in common: a restricted pod that runs once, without a token, under a deadline."""

from dataclasses import dataclass
from posixpath import normpath
from typing import Any

from shardwright_operator.api.duration import seconds
from shardwright_operator.api.job_settings import JobSettings
from shardwright_operator.api.names import ATTEMPT, INPUTS, QUEUE, STAGE, TEMPLATE, VERIFICATION
from shardwright_operator.api.refused_env import is_refused
from shardwright_operator.api.spec import Spec
from shardwright_operator.manifests.labels import labels_of, owner_of
from shardwright_worker.contract.engine_settings import flag
from shardwright_worker.contract.naming import digest_of

REPORT = "/dev/termination-log"
OUTPUT, SOURCE, SCRATCH, TOKEN = "/output", "/source", "/tmp", "/token"  # noqa: S108 - paths in the container
NOBODY = 65532
LEAST_TTL = 60  # seconds; a Job that goes sooner may go unseen
DISRUPTION = {"type": "DisruptionTarget", "status": "True"}


@dataclass(frozen=True, slots=True)
class JobFacts:
    """Whose Job it is, its name, and what its labels say. `stage` is Prepare or Shard."""

    namespace: str
    resource: str
    uid: str
    job: str
    stage: str
    attempt: int
    inputs: str


@dataclass(frozen=True, slots=True)
class Container:
    """What differs between the Jobs: image, arguments, resources, further volumes and their mounts."""

    image: str
    args: list[str]
    resources: dict[str, Any]
    volumes: list[dict[str, Any]]
    mounts: list[dict[str, Any]]


def build_job(facts: JobFacts, spec: Spec, container: Container) -> dict[str, Any]:
    """The Job. Its template label tells whether the spec's job fields have changed since.

    With a queue it is created suspended: Kueue lets it go.
    """
    queue = spec.job.queue_name
    labels = {
        **labels_of(facts.resource, facts.uid),
        STAGE: facts.stage.lower(),
        ATTEMPT: str(facts.attempt),
        INPUTS: facts.inputs,
    }
    body: dict[str, Any] = {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "activeDeadlineSeconds": seconds(spec.job.deadline),
        "ttlSecondsAfterFinished": max(LEAST_TTL, seconds(spec.job.ttl_after_finished)),
        "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [DISRUPTION]}]},
        "podReplacementPolicy": "Failed",
        "template": {"metadata": {"labels": labels}, "spec": _pod(spec, container)},
    }
    if queue:
        body["suspend"] = True
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": facts.job,
            "namespace": facts.namespace,
            "labels": {
                **labels,
                TEMPLATE: template_of(spec),
                VERIFICATION: spec.verification,
                **({QUEUE: queue} if queue else {}),
            },
            "ownerReferences": [owner_of(facts.resource, facts.uid)],
        },
        "spec": body,
    }


def template_of(spec: Spec) -> str:
    """Hash of what a user may change about a Job that has not started; no version of the operator changes it."""
    return digest_of(
        [spec.job.model_dump(mode="json", exclude_defaults=True, exclude={"max_attempts"}), spec.verification]
    )[:8]


def _pod(spec: Spec, container: Container) -> dict[str, Any]:
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
                "name": "worker",
                "image": container.image,
                "command": ["shardwright-worker"],
                # Kubernetes reads $(NAME) in arguments as a variable; a doubled $ stands for itself.
                "args": [one.replace("$", "$$") for one in container.args],
                "env": _env(job),
                "resources": container.resources,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "terminationMessagePath": REPORT,
                # Without a report the end of the log is what a person can go by, once the pod is gone.
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
        "runAsUser": given.run_as_user or NOBODY,
        "runAsGroup": NOBODY if given.run_as_group is None else given.run_as_group,
        "fsGroup": NOBODY if given.fs_group is None else given.fs_group,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if given.supplemental_groups:
        context["supplementalGroups"] = list(given.supplemental_groups)
    return context


def _env(job: JobSettings) -> list[dict[str, str]]:
    ours = {"HOME": SCRATCH, "TMPDIR": SCRATCH, "PYTHONUNBUFFERED": "1"}
    # The admission rules refuse these names; a resource may be older than the rules.
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


def folder_on_volume(namespace: str, resource: str, spec: Spec) -> str:
    """Folder of the resource's artifacts, relative to the root of the output volume."""
    return normpath(spec.output.path.strip("/") or f"{namespace}/{resource}")


def output_folder(facts: JobFacts, spec: Spec) -> str:
    """The same folder as the container sees it."""
    return f"{OUTPUT}/{folder_on_volume(facts.namespace, facts.resource, spec)}"


def layout_arguments(spec: Spec, image: str) -> list[str]:
    """Flags that both stages need, since they are part of the artifact's key."""
    engine = spec.engine.settings().to_arguments()
    arguments = [*engine, *flag("--image", image), *flag("--max-file-size", spec.output.max_file_size)]
    if spec.output.file_pattern:
        arguments += flag("--file-pattern", spec.output.file_pattern)
    return arguments


def mount_source(spec: Spec, there: bool = True) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    """Volumes and mounts for a source on a claim, read-only, and its folder as the container sees it.

    A source on the output claim is there already: no claim is mounted twice. None is if it is not `there`, for a pod
    that names a claim that does not exist never starts.
    """
    source = spec.source.persistent_volume_claim
    assert source is not None
    if source.claim_name == spec.output.persistent_volume_claim.claim_name:
        return [], [], f"{OUTPUT}/{source.path.strip('/')}".rstrip("/")
    folder = f"{SOURCE}/{source.path.strip('/')}".rstrip("/")
    if not there:
        return [], [], folder
    volume = {"name": "source", "persistentVolumeClaim": {"claimName": source.claim_name, "readOnly": True}}
    mount = {"name": "source", "mountPath": SOURCE, "readOnly": True}
    return [volume], [mount], folder
