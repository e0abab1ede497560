"""Whatever is observed, however little it fits together, there is a plan, and it is one that may be carried out."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shardwright_operator.api.maintenance_status import LastPruned, Maintenance, SourceFetch
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import JobStatus, ResolvedSource, Retry, Status
from shardwright_operator.decide import decide
from shardwright_operator.decide.observed import Claim, Job, Observed, Pod, Resource, Warning
from shardwright_operator.decide.plan import CreateJob, DeleteJob
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import CONFIG, START, spec_of

TIMES = st.integers(-7200, 7200).map(lambda seconds: START + timedelta(seconds=seconds))
MAYBE_TIMES = st.none() | TIMES
WORDS = st.sampled_from(["", "DeadlineExceeded", "ErrImagePull", "FailedMount", "ü" * 3000])
PAIRS = st.none() | st.tuples(WORDS, WORDS)
FLAGS = st.booleans()
NAMES = ["llama-prepare-1", "llama-shard-2", "other"]


def _true_status() -> Status:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    return namespace.status


READY = _true_status()
assert READY.source is not None
assert READY.artifact is not None
INPUTS = st.sampled_from(["", READY.source.inputs, READY.artifact.inputs, "ffffffff"])
SPECS = st.fixed_dictionaries(
    {
        "suspend": FLAGS,
        "verification": st.sampled_from(["Load", "Digests"]),
        "recheck": st.sampled_from([None, {"interval": "1h"}, {"interval": "99999h", "rebuild": True}]),
        "job": st.sampled_from([{}, {"queueName": "gpus"}, {"maxAttempts": 1}]),
        "output": st.sampled_from(
            [
                {"persistentVolumeClaim": {"claimName": "shards"}},
                {"persistentVolumeClaim": {"claimName": "shards", "create": {"size": "1Gi"}}, "historyLimit": 1},
            ]
        ),
    }
).map(lambda parts: Spec.model_validate(spec_of(**parts)))
LABELS = st.fixed_dictionaries(
    {},
    optional={
        "shardwright.io/stage": st.sampled_from(["prepare", "shard", "?"]),
        "shardwright.io/inputs": INPUTS,
        "shardwright.io/attempt": st.sampled_from(["", "1", "7", "-1", "x", "9" * 30]),
        "shardwright.io/suspended": st.just("true"),
        "kueue.x-k8s.io/queue-name": st.just("gpus"),
    },
)
JOBS: Any = st.builds(
    Job,
    name=st.sampled_from(NAMES),
    uid=st.uuids().map(str),
    created_at=TIMES,
    owned=FLAGS,
    labels=LABELS,
    suspended=FLAGS,
    deleting=FLAGS,
    complete=FLAGS,
    failed=PAIRS,
    finished_at=MAYBE_TIMES,
)
REPORTS = st.sampled_from(
    [
        "",
        "{",
        '\x1b[2Jexec: "shardwright-worker": executable file not found',
        '{"stage": "Prepare", "succeeded": true}',
        '{"succeeded": false, "stage": "x"}',
    ]
)
PODS: Any = st.builds(
    Pod,
    name=st.sampled_from(NAMES),
    uid=st.uuids().map(str),
    job_name=st.sampled_from(NAMES),
    phase=st.sampled_from(["", "Pending", "Running", "Failed", "Unknown"]),
    created_at=TIMES,
    deleting=FLAGS,
    unscheduled=PAIRS,
    waiting=PAIRS,
    exit_code=st.sampled_from([None, 0, 1, 70, 143, -1]),
    termination_message=REPORTS,
    terminated_reason=st.sampled_from(["", "Error", "OOMKilled", "StartError", "ContainerCannotRun"]),
    status_reason=st.sampled_from(["", "Evicted", "OutOfpods", "UnexpectedAdmissionError"]),
    status_message=WORDS,
    disruption=st.sampled_from(["", "DeletionByTaintManager"]),
    node=st.sampled_from(["", "node-7"]),
    unreachable_since=MAYBE_TIMES,
    started_at=MAYBE_TIMES,
)
CLAIMS = st.none() | st.builds(
    Claim,
    name=st.just("shards"),
    uid=st.sampled_from([READY.artifact.claim_uid, "another"]),
    phase=st.sampled_from(["Bound", "Pending", "Lost", ""]),
    access_modes=st.sampled_from([("ReadWriteOnce",), ("ReadOnlyMany",), ()]),
    deleting=FLAGS,
)
ATTEMPTS = st.none() | st.builds(
    JobStatus,
    name=st.sampled_from(NAMES),
    stage=st.sampled_from(["Prepare", "Shard"]),
    attempt=st.integers(0, 9),
    inputs=INPUTS,
    claim_uid=st.sampled_from([READY.artifact.claim_uid, ""]),
    started_at=MAYBE_TIMES,
    pod=st.sampled_from(["", *NAMES]),
    pod_since=MAYBE_TIMES,
    disruptions=st.integers(0, 10**9),
)
RETRIES = st.none() | st.builds(
    Retry,
    inputs=INPUTS,
    failures=st.integers(0, 9),
    disruptions=st.integers(0, 10**9),
    next_attempt_at=MAYBE_TIMES,
    stopped=FLAGS,
)
SOURCES: Any = st.sampled_from([None, READY.source]) | INPUTS.map(
    lambda inputs: READY.source and ResolvedSource(**{**READY.source.model_dump(), "inputs": inputs, "key": "k"})
)
MAINTENANCE = st.builds(
    Maintenance,
    last_pruned=st.sampled_from([None, LastPruned(artifact=READY.artifact.key, history_limit=1, in_use=["a" * 16])]),
    prune_skipped_at=MAYBE_TIMES,
    blocked_reason=st.sampled_from([None, "x"]),
    source_fetched_for=st.sampled_from([None, SourceFetch(artifact=READY.artifact.key, verification="Load")]),
)
STATUSES = st.builds(
    lambda **parts: READY.model_copy(update=parts),
    job=ATTEMPTS,
    retry=RETRIES,
    source=SOURCES,
    artifact=st.sampled_from([None, READY.artifact]),
    conditions=st.sampled_from([[], READY.conditions]),
    maintenance=MAINTENANCE,
    last_handled_reconcile_at=st.sampled_from([None, "a"]),
)
NUMBERS = st.none() | st.sampled_from([0, 1, 700, 2**31, 2**53, 2**62, 2**64, 10**30, 10**400, -1]) | st.integers()
PROGRESS = st.builds(
    Progress.model_construct,
    stage=st.sampled_from(list(Stage)),
    seconds=st.floats(),
    ranks_done=NUMBERS,
    ranks=NUMBERS,
    bytes_done=NUMBERS,
    bytes_total=NUMBERS,
)
WARNINGS = st.builds(
    Warning,
    kind=st.sampled_from(["Job", "Pod", "PersistentVolumeClaim"]),
    name=st.sampled_from([*NAMES, "shards"]),
    reason=WORDS,
    message=WORDS,
    time=TIMES,
    normal=FLAGS,
)


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
    warnings: list[Warning],
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
