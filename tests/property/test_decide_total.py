"""Whatever is observed, however inconsistent, there is a plan, and it may be carried out."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status
from shardwright_operator.decide import decide
from shardwright_operator.decide.observed import Claim, Job, Observed, ObservedEvent, Pod, Resource
from shardwright_operator.decide.plan import CreateJob, DeleteJob
from shardwright_worker.contract.progress_line import Progress
from shardwright_worker.contract.reasons import Reason
from tests.property.observed_strategies import CLAIMS, JOBS, NAMES, PODS, PROGRESS, SPECS, STATUSES, TIMES, WARNINGS
from tools.testing.fake_objects import CONFIG


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    now=TIMES,
    spec=SPECS | st.none(),
    status=STATUSES,
    jobs=st.lists(JOBS, max_size=3, unique_by=lambda job: job.name),
    pods=st.lists(PODS, max_size=3, unique_by=lambda pod: pod.name),
    shards=CLAIMS,
    warnings=st.lists(WARNINGS, max_size=2),
    requested_at=st.sampled_from([None, "a", "b"]),
    users=st.sampled_from([(), ("",), ("models/llama/x",)]),
    progress=st.dictionaries(st.sampled_from(NAMES), PROGRESS, max_size=2),
)
def test_there_is_always_a_plan(
    now: datetime,
    spec: Spec | None,
    status: Status,
    jobs: list[Job],
    pods: list[Pod],
    shards: Claim | None,
    warnings: list[ObservedEvent],
    requested_at: str | None,
    users: tuple[str, ...],
    progress: dict[str, Progress],
) -> None:
    resource = Resource("models", "llama", "uid-1", 3, "9", False, requested_at, spec, status, "spec.engine: wrong")
    observed = Observed(
        resource=resource,
        jobs=tuple(jobs),
        pods=tuple(pods),
        claims={"models": Claim("models", "uid-models", "Bound", ()), "shards": shards},
        warnings=tuple(warnings),
        progress=progress,
        claim_users={"shards": users},
    )
    plan = decide(now, CONFIG, observed)
    assert plan == decide(now, CONFIG, observed)
    assert Status.model_validate(plan.status.to_wire()) == plan.status
    json.dumps(plan.status.to_wire(), allow_nan=False)  # as the API server reads it
    shown = plan.status.progress
    if shown and shown is not status.progress:
        assert all(number is None or 0 <= number <= 2**53 for number in (shown.bytes_done, shown.bytes_total))
        assert shown.estimated_completion is None or shown.estimated_completion <= now + timedelta(days=4)
    assert plan.status.observed_generation == 3
    assert plan.requeue_after is None or plan.requeue_after >= 0
    assert all(len(one.message) <= 2048 and Reason(one.reason) for one in plan.status.conditions)
    ours = {job.uid for job in jobs if job.owned}
    assert all(action.uid in ours for action in plan.actions if isinstance(action, DeleteJob))
    created = [action for action in plan.actions if isinstance(action, CreateJob)]
    assert len(created) <= 1
    if created:
        assert plan.status.job is not None
        assert created[0].request.facts.job == plan.status.job.name == (status.job and status.job.name)
        assert not [job for job in jobs if job.owned and not job.finished]
