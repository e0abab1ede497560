"""What the Job of one attempt is to do; manifests/ builds the Job's body from it."""

from dataclasses import dataclass

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import ResolvedSource


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The resource that the Job belongs to, the Job's name, and what its labels say. `stage` is Prepare or Shard.

    `template`: hash of what a user may change of a Job that has not started.
    """

    namespace: str
    resource: str
    uid: str
    job: str
    stage: str
    attempt: int
    inputs: str
    template: str


@dataclass(frozen=True, slots=True)
class EarlierSource:
    """What an earlier prepare Job found: `revision`, if set, is resolved instead of the spec's.

    Files whose names, sizes and times still have this `fingerprint` are not read again for their `digest`.
    """

    revision: str
    digest: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Pruning:
    """How many artifacts to keep; the published one and those `in_use`, which pods mount, are kept in any case.

    `until`: seconds since the epoch; a worker that starts later removes nothing.
    """

    history_limit: int
    in_use: tuple[str, ...]
    until: int


@dataclass(frozen=True, slots=True)
class PrepareJobRequest:
    """Resolve the source, and inspect the artifact of `published`, if that is a key, whatever the source resolves to.

    `deep`: read every byte of a published artifact. `source_claim_usable`: it can be mounted.
    """

    facts: JobFacts
    spec: Spec
    engine_image: str
    prepare_image: str
    known: EarlierSource | None = None
    published: str = ""
    pruning: Pruning | None = None
    deep: bool = False
    source_claim_usable: bool = True


@dataclass(frozen=True, slots=True)
class ShardJobRequest:
    """Load the resolved source, save it as shards, verify and publish them; or verify what is published."""

    facts: JobFacts
    spec: Spec
    engine_image: str
    source: ResolvedSource


JobRequest = PrepareJobRequest | ShardJobRequest
