"""The prepare Job: no accelerator, a small image, and the only pod that ever mounts the Hub's token."""

from typing import Any

from shardwright_operator.api.source_spec import HuggingFace
from shardwright_operator.decide.job_request import PrepareJobRequest
from shardwright_operator.manifests.job_template import job_of, layout_arguments
from shardwright_operator.manifests.pod_template import Container
from shardwright_operator.manifests.volumes import OUTPUT, REPORT, TOKEN, mount_source_claim, output_folder
from shardwright_worker.contract.engine_settings import flag

RESOURCES = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}


def build_prepare_job(request: PrepareJobRequest) -> dict[str, Any]:
    """Return the Job."""
    spec, known = request.spec, request.known
    arguments = ["prepare"]
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []
    if spec.source.persistent_volume_claim:
        volumes, mounts, folder = mount_source_claim(spec, request.source_claim_usable)
        arguments += flag("--source", folder)
    elif hub := spec.source.hugging_face:
        arguments += _hub_arguments(hub, (known.revision if known else "") or hub.revision)
        if hub.token_secret_ref:
            item = {"key": hub.token_secret_ref.key, "path": "token"}
            secret = {"secretName": hub.token_secret_ref.name, "items": [item], "defaultMode": 0o440}
            volumes.append({"name": "token", "secret": secret})
            mounts.append({"name": "token", "mountPath": TOKEN, "readOnly": True})
    arguments += ["--volume-root", OUTPUT, "--output", output_folder(request.facts, spec)]
    arguments += layout_arguments(spec, request.engine_image)
    if known and known.fingerprint:
        arguments += ["--known-digest", known.digest, "--known-fingerprint", known.fingerprint]
    arguments += ["--verification", spec.verification.lower()]
    if request.deep:
        arguments += ["--deep"]
    if request.published:
        arguments += flag("--published", request.published)
    if pruning := request.pruning:
        arguments += ["--history-limit", str(pruning.history_limit)]
        arguments += ["--prune-until", str(pruning.until)]
        arguments += [part for key in pruning.in_use for part in flag("--in-use", key)]
    arguments += ["--report", REPORT]
    return job_of(request.facts, spec, Container(request.prepare_image, arguments, RESOURCES, volumes, mounts))


def _hub_arguments(hub: HuggingFace, revision: str) -> list[str]:
    arguments = [*flag("--repo", hub.repo), *flag("--revision", revision)]
    if hub.endpoint:
        arguments += flag("--endpoint", hub.endpoint)
    for name, patterns in (("--include", hub.include), ("--exclude", hub.exclude)):
        arguments += [part for pattern in patterns for part in flag(name, pattern)]
    if hub.token_secret_ref:
        arguments += ["--token-file", f"{TOKEN}/token"]
    return arguments
