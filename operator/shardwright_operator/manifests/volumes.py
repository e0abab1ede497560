"""Paths in the worker's container, and the volumes that are mounted there."""

from typing import Any

from shardwright_operator.api.output_folder import folder_on_volume
from shardwright_operator.api.spec import Spec
from shardwright_operator.decide.job_request import JobFacts

REPORT = "/dev/termination-log"
OUTPUT, SOURCE, SCRATCH, TOKEN = "/output", "/source", "/tmp", "/token"  # noqa: S108 - paths in the container

Volumes = list[dict[str, Any]]
Mounts = list[dict[str, Any]]


def output_folder(facts: JobFacts, spec: Spec) -> str:
    """Return the folder of the resource's artifacts as the container sees it."""
    return f"{OUTPUT}/{folder_on_volume(facts.namespace, facts.resource, spec)}"


def mount_source_claim(spec: Spec, claim_usable: bool = True) -> tuple[Volumes, Mounts, str]:
    """Return volumes and mounts for a source on a claim, read-only, and its folder as the container sees it.

    A source on the output claim is mounted already: no claim is mounted twice. A claim that is not usable is not
    mounted either, for a pod that names a claim that does not exist never starts.
    """
    source = spec.source.persistent_volume_claim
    assert source is not None
    if source.claim_name == spec.output.persistent_volume_claim.claim_name:
        return [], [], f"{OUTPUT}/{source.path.strip('/')}".rstrip("/")
    folder = f"{SOURCE}/{source.path.strip('/')}".rstrip("/")
    if not claim_usable:
        return [], [], folder
    volume = {"name": "source", "persistentVolumeClaim": {"claimName": source.claim_name, "readOnly": True}}
    mount = {"name": "source", "mountPath": SOURCE, "readOnly": True}
    return [volume], [mount], folder
