"""The Job for an attempt: which builder, with which facts of the world."""

from datetime import datetime
from typing import Any

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import JobStatus
from shardwright_operator.decide.claims import check_source
from shardwright_operator.decide.fingerprint import engine_image
from shardwright_operator.decide.next_stage import Need, is_unasked
from shardwright_operator.decide.observed import Config, Observed
from shardwright_operator.decide.pruning import WINDOW, artifacts_in_use
from shardwright_operator.manifests.job_template import JobFacts
from shardwright_operator.manifests.prepare_job import Known, Pruning, build_prepare_job
from shardwright_operator.manifests.shard_job import build_shard_job


def job_for(
    now: datetime, config: Config, observed: Observed, spec: Spec, need: Need, attempt: JobStatus
) -> dict[str, Any]:
    """The Job's manifest."""
    resource, source = observed.resource, observed.resource.status.source
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
        assert source is not None
        return build_shard_job(facts, spec, image, source)
    known = None
    if (need.upkeep or need.restores or need.fetches) and source is not None:
        # A branch is resolved once: who only looks after an artifact looks at the commit that it was made from. Whom a
        # person has asked resolves it again; a folder that nobody has touched needs no reading for that either.
        asked = source.inputs != need.source_inputs
        known = Known("" if asked else source.revision, source.digest, source.fingerprint)
    # What removes artifacts has little time for that.
    deep = spec.recheck is not None and spec.recheck.deep and not need.prunes
    artifact = resource.status.artifact
    published = artifact.key if artifact is not None and is_unasked(need, source) else ""
    pruning, there = _pruning(now, observed, spec, need), check_source(observed, spec) is None
    return build_prepare_job(facts, spec, image, config.prepare_image, known, pruning, deep, published, there)


def _pruning(now: datetime, observed: Observed, spec: Spec, need: Need) -> Pruning | None:
    """Only a Job that is there for it removes anything: what pods mount was looked at for that one alone."""
    artifact, in_use = observed.resource.status.artifact, artifacts_in_use(observed, spec)
    if not need.prunes or spec.output.history_limit is None or artifact is None or in_use is None:
        return None
    return Pruning(spec.output.history_limit, artifact.key, in_use, int((now + WINDOW).timestamp()))
