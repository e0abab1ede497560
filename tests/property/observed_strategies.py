"""Strategies for observed states whose parts do not fit together, as after an edit or with a stale cache."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from shardwright_operator.api.maintenance_status import LastPruned, Maintenance, SourceFetch
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import JobStatus, ResolvedSource, RetryRecord, Status
from shardwright_operator.decide.observed import Claim, Job, ObservedEvent, Pod
from shardwright_worker.contract.progress_line import Progress, Stage
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import START, spec_of

TIMES = st.integers(-7200, 7200).map(lambda seconds: START + timedelta(seconds=seconds))
MAYBE_TIMES = st.none() | TIMES
TEXTS = st.sampled_from(["", "DeadlineExceeded", "ErrImagePull", "FailedMount", "ü" * 3000])
PAIRS = st.none() | st.tuples(TEXTS, TEXTS)
FLAGS = st.booleans()
NAMES = ["llama-prepare-1", "llama-shard-2", "other"]


def _ready_status() -> Status:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    return namespace.status


READY = _ready_status()
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
    status_message=TEXTS,
    disruption=st.sampled_from(["", "DeletionByTaintManager"]),
    node=st.sampled_from(["", "node-7"]),
    unreachable_since=MAYBE_TIMES,
    started_at=MAYBE_TIMES,
    finished_at=MAYBE_TIMES,
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
    accelerators=st.integers(0, 8),
    disruptions=st.integers(0, 10**9),
)
RETRIES = st.none() | st.builds(
    RetryRecord,
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
    ObservedEvent,
    kind=st.sampled_from(["Job", "Pod", "PersistentVolumeClaim"]),
    name=st.sampled_from([*NAMES, "shards"]),
    reason=TEXTS,
    message=TEXTS,
    time=TIMES,
    normal=FLAGS,
)
