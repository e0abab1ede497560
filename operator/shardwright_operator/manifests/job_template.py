"""What both Jobs have in common: one pod that runs once, under a deadline, and arguments for the artifact's key."""

from typing import Any

from shardwright_operator.api.duration import seconds
from shardwright_operator.api.names import ATTEMPT, INPUTS, QUEUE, STAGE, TEMPLATE, VERIFICATION
from shardwright_operator.api.spec import Spec
from shardwright_operator.decide.job_request import JobFacts
from shardwright_operator.manifests.ownership import labels_of, owner_of
from shardwright_operator.manifests.pod_template import Container, build_pod
from shardwright_worker.contract.engine_settings import flag

LEAST_TTL = 60  # seconds; a Job that is deleted sooner may never be observed as finished
# https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
DISRUPTION = {"type": "DisruptionTarget", "status": "True"}


def job_of(facts: JobFacts, spec: Spec, container: Container) -> dict[str, Any]:
    """Return the Job. With a queue it is created suspended, and Kueue resumes it.

    https://kueue.sigs.k8s.io/docs/tasks/run/jobs/
    """
    queue = spec.job.queue_name
    labels = {
        **labels_of(facts.resource, facts.uid),
        STAGE: facts.stage.lower(),
        ATTEMPT: str(facts.attempt),
        INPUTS: facts.inputs,
    }
    body: dict[str, Any] = {
        "backoffLimit": 0,  # the operator tries again by itself, with a new Job and a record in status
        "completions": 1,
        "parallelism": 1,
        "activeDeadlineSeconds": seconds(spec.job.deadline),
        "ttlSecondsAfterFinished": max(LEAST_TTL, seconds(spec.job.ttl_after_finished)),
        # A disrupted pod is replaced within the Job and costs no attempt:
        # https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
        "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [DISRUPTION]}]},
        "podReplacementPolicy": "Failed",  # only once it has ended: two pods would write one staging folder
        "template": {"metadata": {"labels": labels}, "spec": build_pod(spec, container)},
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
                TEMPLATE: facts.template,
                VERIFICATION: spec.verification,
                **({QUEUE: queue} if queue else {}),
            },
            "ownerReferences": [owner_of(facts.resource, facts.uid)],
        },
        "spec": body,
    }


def layout_arguments(spec: Spec, image: str) -> list[str]:
    """Return the flags that both stages need, since they are part of the artifact's key."""
    engine = spec.engine.settings().to_arguments()
    arguments = [*engine, *flag("--image", image), *flag("--max-file-size", spec.output.max_file_size)]
    if spec.output.file_pattern:
        arguments += flag("--file-pattern", spec.output.file_pattern)
    return arguments
