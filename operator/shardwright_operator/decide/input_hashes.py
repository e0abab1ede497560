"""Hashes of what a decision depends on: equal inputs, equal hash, whatever version of the operator computes it."""

from dataclasses import dataclass, replace
from functools import cached_property

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status
from shardwright_operator.decide.observed import Claim, Observed
from shardwright_worker.contract.naming import digest_of


@dataclass(frozen=True)
class Inputs:
    """What the spec asks for on its output claim, and the hashes of it, each computed once, when it is first read.

    `image` is the engine image, `request` the value of the annotation reconcile.fluxcd.io/requestedAt that counts.
    """

    spec: Spec
    claim: Claim
    image: str
    request: str | None

    @cached_property
    def artifact(self) -> str:
        """Hash of everything in the spec that decides the artifact's bytes and its path."""
        return short_hash(*self._of_artifact)

    @cached_property
    def source(self) -> str:
        """Hash of what a source is resolved for: the desired artifact, the request and the claim itself."""
        return short_hash(*self._of_artifact, self.request, self.claim.uid)

    @cached_property
    def retry(self) -> str:
        """Hash of everything whose change resets the retry record: inputs, claim and size, Job, request."""
        job = self.spec.job.model_dump(mode="json", exclude_defaults=True)
        claim = [self.claim.uid, self.claim.capacity]
        shard = [self.spec.verification, self.request, claim, *_measuring(self.spec)]
        return short_hash(*self._of_artifact, job, *shard)

    def with_request(self, request: str | None) -> "Inputs":
        """Return the inputs with this request; the same object, with its hashes, where nothing changes."""
        return self if request == self.request else replace(self, request=request)

    @cached_property
    def _of_artifact(self) -> tuple[object, ...]:
        spec, output = self.spec, self.spec.output
        # Without defaults: a field that a newer operator adds does not change the hash of an older resource.
        return (
            spec.source.model_dump(mode="json", exclude_defaults=True),
            spec.engine.model_dump(mode="json", exclude={"image"}, exclude_defaults=True),
            self.image,
            [output.persistent_volume_claim.claim_name, output.path, output.max_file_size, output.file_pattern],
        )


def inputs_of(observed: Observed, status: Status) -> Inputs | None:
    """Return the inputs, None if the spec cannot be parsed or there is no output claim.

    The operator's default image is resolved once, into `status.engineImage`: a newer operator rebuilds nothing.
    """
    spec = observed.resource.spec
    claim = observed.claims.get(spec.output.persistent_volume_claim.claim_name) if spec else None
    if spec is None or claim is None:
        return None
    return Inputs(spec, claim, spec.engine.image or status.engine_image, request_of(observed, status))


def request_of(observed: Observed, status: Status) -> str | None:
    """Return the request that counts now. A newer one does not stop a running Job: it counts once that has ended."""
    job = observed.job(status.job.name) if status.job else None
    if job and job.owned and not job.deleting and (job.finished or observed.has_started(job.name)):
        return status.last_handled_reconcile_at
    return observed.resource.requested_at or status.last_handled_reconcile_at


def template_of(spec: Spec) -> str:
    """Return the hash of what a user may change of a Job that has not started; the operator's version is not in it."""
    job = spec.job.model_dump(mode="json", exclude_defaults=True, exclude={"max_attempts"})
    return short_hash(job, spec.verification, *_measuring(spec))


def _measuring(spec: Spec) -> tuple[str, ...]:
    """Return what spec.measure adds to a hash: nothing where it is off, so that earlier hashes stay the same."""
    return ("measure",) if spec.measure else ()


def short_hash(*values: object) -> str:
    """Return 8 hex digits of SHA-256 over canonical JSON."""
    return digest_of(list(values))[:8]
