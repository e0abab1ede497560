"""The prepare Job: no accelerator, a small image, and the only pod that ever sees the hub's token."""

from typing import Any

from shardwright_operator.api.spec import HuggingFace, Spec
from shardwright_operator.build.job import (
    OUTPUT,
    REPORT,
    SOURCE,
    TOKEN,
    Container,
    JobFacts,
    build_job,
    layout_arguments,
    output_folder,
    source_mount,
)

RESOURCES = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}


def build_prepare_job(
    facts: JobFacts, spec: Spec, engine_image: str, prepare_image: str, published: list[str] | None, in_use: list[str]
) -> dict[str, Any]:
    """The Job. With `published` it also removes older artifacts, but never these nor those in use."""
    arguments = ["prepare"]
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []
    if claim := spec.source.persistent_volume_claim:
        volume, mount = source_mount(claim.claim_name)
        volumes.append(volume)
        mounts.append(mount)
        arguments += ["--source", f"{SOURCE}/{claim.path.strip('/')}".rstrip("/")]
    elif hub := spec.source.hugging_face:
        arguments += _hub_arguments(hub)
        if hub.token_secret_ref:
            item = {"key": hub.token_secret_ref.key, "path": "token"}
            secret = {"secretName": hub.token_secret_ref.name, "items": [item], "defaultMode": 0o440}
            volumes.append({"name": "token", "secret": secret})
            mounts.append({"name": "token", "mountPath": TOKEN, "readOnly": True})
    arguments += ["--volume-root", OUTPUT, "--output", output_folder(facts, spec)]
    arguments += layout_arguments(spec, engine_image)
    if published is not None:
        arguments += ["--keep", str(spec.output.keep)]
        for flag, keys in (("--published", published), ("--in-use", in_use)):
            arguments += [part for key in keys for part in (flag, key)]
    arguments += ["--report", REPORT]
    return build_job(facts, spec, Container(prepare_image, arguments, RESOURCES, volumes, mounts))


def _hub_arguments(hub: HuggingFace) -> list[str]:
    arguments = ["--repo", hub.repo, "--revision", hub.revision]
    if hub.endpoint:
        arguments += ["--endpoint", hub.endpoint]
    for flag, patterns in (("--include", hub.include), ("--exclude", hub.exclude)):
        arguments += [part for pattern in patterns for part in (flag, pattern)]
    if hub.token_secret_ref:
        arguments += ["--token-file", f"{TOKEN}/token"]
    return arguments
