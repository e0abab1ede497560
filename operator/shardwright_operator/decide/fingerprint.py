"""Hashes of what decides something: equal inputs, equal hash, whatever version of the operator computes it."""

from shardwright_operator.api.spec import Spec
from shardwright_operator.decide.observed import Claim, Config, Resource
from shardwright_worker.contract.naming import digest_of


def engine_image(config: Config, resource: Resource, spec: Spec) -> str:
    """The image of the shard Job. The operator's default is resolved once: a newer operator rebuilds nothing."""
    return spec.engine.image or resource.status.engine_image or config.engine_image


def artifact_inputs(config: Config, resource: Resource, spec: Spec) -> str:
    """Hash of everything in the spec that decides which artifact is wanted, and where it lies."""
    output = spec.output
    return short_hash(
        spec.source.model_dump(mode="json", exclude_defaults=True),
        spec.engine.model_dump(mode="json", exclude={"image"}, exclude_defaults=True),
        engine_image(config, resource, spec),
        [output.persistent_volume_claim.claim_name, output.path, output.max_file_size, output.file_pattern],
    )


def source_inputs(wanted: str, request: str | None, claim_uid: str) -> str:
    """Hash of what a source is resolved for: the wanted artifact, a person's request, and the claim itself."""
    return short_hash(wanted, request, claim_uid)


def retry_inputs(config: Config, resource: Resource, spec: Spec, request: str | None, claim: Claim) -> str:
    """Hash of all whose change lifts a permanent failure: inputs, claim and its size, job fields, a request."""
    return short_hash(
        artifact_inputs(config, resource, spec),
        spec.job.model_dump(mode="json", exclude_defaults=True),
        spec.verification,
        request,
        [claim.uid, claim.capacity],
    )


def short_hash(*values: object) -> str:
    """8 hex digits over canonical JSON."""
    return digest_of(list(values))[:8]
