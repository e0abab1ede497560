"""The shard Job: one pod with all accelerators, offline."""

from typing import Any

from shardwright_operator.api.spec import Spec
from shardwright_operator.decide.job_request import ShardJobRequest
from shardwright_operator.manifests.job_template import job_of, layout_arguments
from shardwright_operator.manifests.pod_template import Container
from shardwright_operator.manifests.volumes import OUTPUT, REPORT, mount_source_claim, output_folder
from shardwright_worker.contract.engine_settings import flag


def build_shard_job(request: ShardJobRequest) -> dict[str, Any]:
    """Return the Job. The number of accelerators follows from the parallel sizes."""
    spec, source = request.spec, request.source
    volumes: list[dict[str, Any]] = [{"name": "shared-memory", "emptyDir": {"medium": "Memory"}}]
    mounts: list[dict[str, Any]] = [{"name": "shared-memory", "mountPath": "/dev/shm"}]  # noqa: S108
    folder = f"{OUTPUT}/{source.path}"
    if spec.source.persistent_volume_claim:
        more_volumes, more_mounts, folder = mount_source_claim(spec)
        volumes += more_volumes
        mounts += more_mounts
    arguments = [
        "shard",
        *flag("--source", folder),
        *("--output", output_folder(request.facts, spec), "--volume-root", OUTPUT),
        *layout_arguments(spec, request.engine_image),
        *("--verification", spec.verification.lower(), "--artifact-name", source.key, "--attempt", request.facts.job),
        *flag("--source-digest", source.digest),
        *flag("--source-revision", source.revision),
    ]
    if spec.recheck and spec.recheck.deep:
        arguments += ["--deep"]  # an artifact whose bytes are damaged must not be taken for a published one
    if spec.measure:
        arguments += ["--measure"]
    if source.fingerprint:
        arguments += ["--source-fingerprint", source.fingerprint]
    if hub := spec.source.hugging_face:
        arguments += flag("--source-repo", hub.repo)
    arguments += ["--report", REPORT]
    container = Container(request.engine_image, arguments, _resources(spec), volumes, mounts)
    return job_of(request.facts, spec, container)


def _resources(spec: Spec) -> dict[str, Any]:
    count = str(spec.engine.settings().world_size)
    given = spec.job.resources
    resources: dict[str, Any] = {"limits": {**given.limits, spec.job.accelerator_resource: count}}
    if given.requests:
        resources["requests"] = dict(given.requests)
    return resources
