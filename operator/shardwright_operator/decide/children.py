"""The Job for an attempt: which builder, with which facts of the world."""

from typing import Any

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import JobStatus
from shardwright_operator.build.job import JobFacts
from shardwright_operator.build.prepare_job import build_prepare_job
from shardwright_operator.build.shard_job import build_shard_job
from shardwright_operator.decide.inputs import engine_image
from shardwright_operator.decide.need import Need, mounted_whole
from shardwright_operator.decide.world import Config, Observed


def job_for(config: Config, observed: Observed, spec: Spec, need: Need, attempt: JobStatus) -> dict[str, Any]:
    """The Job's manifest."""
    resource, status = observed.resource, observed.resource.status
    facts = JobFacts(
        namespace=resource.namespace,
        resource=resource.name,
        uid=resource.uid,
        job=attempt.name,
        stage=need.stage,
        attempt=attempt.attempt,
        inputs=need.inputs,
    )
    image = engine_image(config, resource, spec)
    if need.stage == "Shard":
        assert status.source is not None
        return build_shard_job(facts, spec, image, status.source)
    users = observed.claim_users.get(spec.output.persistent_volume_claim.claim_name, ())
    published = [status.artifact.key] if status.artifact else []
    prune = need.upkeep and spec.output.keep is not None and not mounted_whole(observed, spec)
    in_use = sorted({path.rstrip("/").rsplit("/", 1)[-1] for path in users}) if prune else []
    return build_prepare_job(facts, spec, image, config.prepare_image, published if prune else None, in_use)
