"""The prepare Job: no accelerator, a small image, and the only pod that ever sees the hub's token."""

from dataclasses import dataclass
from typing import Any

from shardwright_operator.api.spec import HuggingFace, Spec
from shardwright_operator.build.job import (
    OUTPUT,
    REPORT,
    TOKEN,
    Container,
    JobFacts,
    build_job,
    layout_arguments,
    mount_source,
    output_folder,
)
from shardwright_worker.contract.engine import flag

RESOURCES = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}


@dataclass(frozen=True, slots=True)
class Pruning:
    """How many artifacts stay, and which stay in any case: the published one and those that pods mount."""

    keep: int
    published: str
    in_use: list[str]


def build_prepare_job(
    facts: JobFacts,
    spec: Spec,
    engine_image: str,
    prepare_image: str,
    revision: str = "",
    pruning: Pruning | None = None,
) -> dict[str, Any]:
    """The Job. `revision`: look at this commit instead of resolving the spec's; `pruning`: remove older artifacts."""
    arguments = ["prepare"]
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []
    if spec.source.persistent_volume_claim:
        volumes, mounts, folder = mount_source(spec)
        arguments += flag("--source", folder)
    elif hub := spec.source.hugging_face:
        arguments += _hub_arguments(hub, revision or hub.revision)
        if hub.token_secret_ref:
            item = {"key": hub.token_secret_ref.key, "path": "token"}
            secret = {"secretName": hub.token_secret_ref.name, "items": [item], "defaultMode": 0o440}
            volumes.append({"name": "token", "secret": secret})
            mounts.append({"name": "token", "mountPath": TOKEN, "readOnly": True})
    arguments += ["--volume-root", OUTPUT, "--output", output_folder(facts, spec)]
    arguments += layout_arguments(spec, engine_image)
    if pruning:
        arguments += ["--keep", str(pruning.keep), *flag("--published", pruning.published)]
        arguments += [part for key in pruning.in_use for part in flag("--in-use", key)]
    arguments += ["--report", REPORT]
    return build_job(facts, spec, Container(prepare_image, arguments, RESOURCES, volumes, mounts))


def _hub_arguments(hub: HuggingFace, revision: str) -> list[str]:
    arguments = [*flag("--repo", hub.repo), *flag("--revision", revision)]
    if hub.endpoint:
        arguments += flag("--endpoint", hub.endpoint)
    for name, patterns in (("--include", hub.include), ("--exclude", hub.exclude)):
        arguments += [part for pattern in patterns for part in flag(name, pattern)]
    if hub.token_secret_ref:
        arguments += ["--token-file", f"{TOKEN}/token"]
    return arguments
