"""The prepare Job: no accelerator, a small image, and the only pod that ever sees the hub's token."""

from dataclasses import dataclass
from typing import Any

from shardwright_operator.api.spec import HuggingFace, Spec
from shardwright_operator.manifests.job_template import (
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
from shardwright_worker.contract.engine_settings import flag

RESOURCES = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}


@dataclass(frozen=True, slots=True)
class Pruning:
    """How many artifacts stay, and which stay in any case: the published one and those that pods mount.

    `until`: seconds since the epoch; a worker that starts later removes nothing.
    """

    history_limit: int
    published: str
    in_use: list[str]
    until: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier prepare Job found of the source: `revision` is looked at instead of the spec's.

    Files whose names, sizes and times still have this `fingerprint` are not read again for their `digest`.
    """

    revision: str
    digest: str
    fingerprint: str


def build_prepare_job(
    facts: JobFacts,
    spec: Spec,
    engine_image: str,
    prepare_image: str,
    known: Known | None = None,
    pruning: Pruning | None = None,
    deep: bool = False,
    published: str = "",
    source_there: bool = True,
) -> dict[str, Any]:
    """The Job. `pruning`: remove older artifacts; `deep`: read every byte of a published one.

    `published`: look at the artifact of this key first, whatever the source leads to by now, or if it is gone.
    `source_there`: whether the source's claim can be mounted.
    """
    arguments = ["prepare"]
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []
    if spec.source.persistent_volume_claim:
        volumes, mounts, folder = mount_source(spec, source_there)
        arguments += flag("--source", folder)
    elif hub := spec.source.hugging_face:
        arguments += _hub_arguments(hub, (known.revision if known else "") or hub.revision)
        if hub.token_secret_ref:
            item = {"key": hub.token_secret_ref.key, "path": "token"}
            secret = {"secretName": hub.token_secret_ref.name, "items": [item], "defaultMode": 0o440}
            volumes.append({"name": "token", "secret": secret})
            mounts.append({"name": "token", "mountPath": TOKEN, "readOnly": True})
    arguments += ["--volume-root", OUTPUT, "--output", output_folder(facts, spec)]
    arguments += layout_arguments(spec, engine_image)
    if known and known.fingerprint:
        arguments += ["--known-digest", known.digest, "--known-fingerprint", known.fingerprint]
    arguments += ["--verification", spec.verification.lower()]
    if deep:
        arguments += ["--deep"]
    if published or pruning:
        arguments += flag("--published", pruning.published if pruning else published)
    if pruning:
        arguments += ["--history-limit", str(pruning.history_limit)]
        arguments += ["--prune-until", str(pruning.until)]
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
