"""The shard Job: one pod with all accelerators, offline."""

from typing import Any

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import ResolvedSource
from shardwright_operator.build.job import (
    OUTPUT,
    REPORT,
    SOURCE,
    Container,
    JobFacts,
    build_job,
    layout_arguments,
    output_folder,
    source_mount,
)


def build_shard_job(facts: JobFacts, spec: Spec, image: str, source: ResolvedSource) -> dict[str, Any]:
    """The Job. The number of accelerators follows from the parallel sizes; with a queue it is created suspended."""
    volumes: list[dict[str, Any]] = [{"name": "shared-memory", "emptyDir": {"medium": "Memory"}}]
    mounts: list[dict[str, Any]] = [{"name": "shared-memory", "mountPath": "/dev/shm"}]  # noqa: S108
    if claim := spec.source.persistent_volume_claim:
        volume, mount = source_mount(claim.claim_name)
        volumes.append(volume)
        mounts.append(mount)
        folder = f"{SOURCE}/{claim.path.strip('/')}".rstrip("/")
    else:
        folder = f"{OUTPUT}/{source.path}"
    arguments = [
        "shard",
        *("--source", folder, "--output", output_folder(facts, spec), "--volume-root", OUTPUT),
        *layout_arguments(spec, image),
        *("--verification", spec.verification.lower(), "--artifact-name", source.key, "--attempt", facts.job),
        *("--source-digest", source.digest, "--source-revision", source.revision),
    ]
    if hub := spec.source.hugging_face:
        arguments += ["--source-repo", hub.repo]
    arguments += ["--report", REPORT]
    container = Container(image, arguments, _resources(spec), volumes, mounts)
    return build_job(facts, spec, container, queue=spec.job.queue_name)


def _resources(spec: Spec) -> dict[str, Any]:
    count = str(spec.engine.settings().world_size)
    given = spec.job.resources
    resources: dict[str, Any] = {"limits": {**given.limits, spec.job.accelerator_resource: count}}
    if given.requests:
        resources["requests"] = dict(given.requests)
    return resources
