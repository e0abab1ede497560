"""What users, Jobs, pods, other controllers and time do to a resource between two rounds of the operator."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from shardwright_operator.api.status import Status
from shardwright_operator.decide.observed import Neighbor
from shardwright_worker.contract.reasons import MEANINGS, Reason
from tests.property.operator_rounds import OperatorRounds
from tools.testing.fake_objects import START, claim

WORKERS = st.sampled_from([reason for reason, meaning in MEANINGS.items() if meaning.exit_code])
ENDS: list[tuple[int, tuple[str, str], dict[str, Any]]] = [
    (143, ("DeadlineExceeded", "too long"), {}),
    (143, ("BackoffLimitExceeded", ""), {}),
    (137, ("BackoffLimitExceeded", ""), {"terminated_reason": "OOMKilled"}),
    (1, ("BackoffLimitExceeded", ""), {}),
]
EDITS: list[dict[str, Any]] = [
    {"engine": {"tensorParallelSize": 2}},
    {"engine": {"tensorParallelSize": 4}},
    {"verification": "Digests"},
    {"verification": "Load"},
    {"verification": "Generate"},
    {"job": {"maxAttempts": 2}},
    {"job": {"maxAttempts": 5, "nodeSelector": {"pool": "gpu"}}},
    {"job": {"queueName": "gpus"}},
    {"suspend": True},
    {"suspend": False},
    {"recheck": {"interval": "1h"}},
    {"recheck": {"interval": "1h", "rebuild": True}},
    {"recheck": {"interval": "1h", "deep": True}},
    {"output": {"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 1}},
]


class Disturbances(OperatorRounds):
    """One rule for each thing that may happen."""

    @rule()
    @precondition(lambda self: self.can_run())
    def succeed(self) -> None:
        """The Job succeeds."""
        self.namespace.succeed()

    @rule()
    @precondition(lambda self: self.can_run())
    def succeed_without_report(self) -> None:
        """The Job succeeds, and its pod is gone before its report was read."""
        job = self.job()
        self.namespace.succeed()
        self.namespace.pods.pop(job.name)

    @rule(reason=WORKERS)
    @precondition(lambda self: self.can_run())
    def fail(self, reason: Reason) -> None:
        """The worker reports a failure."""
        self.namespace.fail(reason)

    @rule(end=st.sampled_from(ENDS))
    @precondition(lambda self: self.can_run())
    def end_without_report(self, end: tuple[int, tuple[str, str], dict[str, Any]]) -> None:
        """The pod ends without a report."""
        code, condition, facts = end
        self.namespace.exit_without_report(code, condition, **facts)

    @rule()
    @precondition(
        lambda self: self.namespace.live_jobs() and self.namespace.claims["shards"] and not self.job().deleting
    )
    def start(self) -> None:
        """The pod starts; a queue may have resumed the Job."""
        job = self.job()
        queued = "kueue.x-k8s.io/queue-name" in job.labels
        if queued or not job.suspended:
            self.namespace.jobs[job.name] = replace(job, suspended=False)
            self.namespace.start_job()

    @rule()
    @precondition(lambda self: self.namespace.live_jobs())
    def suspend_by_a_queue(self) -> None:
        """A queue suspends the Job, whether it runs or not, and takes its pods."""
        job = self.job()
        self.namespace.jobs[job.name] = replace(job, suspended=True)
        self.namespace.pods.pop(job.name, None)

    @rule()
    @precondition(lambda self: self.namespace.live_jobs())
    def resume_by_a_queue(self) -> None:
        """A queue resumes the Job, even one that the operator has suspended."""
        job = self.job()
        self.namespace.jobs[job.name] = replace(job, suspended=False)

    @rule()
    def finish_deletions(self) -> None:
        """What was being deleted is gone."""
        self.namespace.finish_deletions()

    @rule()
    @precondition(lambda self: self.namespace.jobs)
    def delete_a_job(self) -> None:
        """A user, or the TTL, deletes the newest Job."""
        self.namespace.remove_job(list(self.namespace.jobs)[-1])

    @rule(edit=st.sampled_from(EDITS))
    def edit(self, edit: dict[str, Any]) -> None:
        """The user changes the spec."""
        self.namespace.edit(**edit)

    @rule(value=st.sampled_from(["a", "b"]))
    def request(self, value: str) -> None:
        """The user asks for another try."""
        self.namespace.requested_at = value

    @rule(revision=st.sampled_from(["r1", "r2"]))
    def move_the_source(self, revision: str) -> None:
        """The source changes."""
        self.namespace.worker.revision = revision

    @rule()
    def lose_status(self) -> None:
        """The status is lost, and with it what it knew of numbers and failures."""
        self.namespace.status = Status()
        self.numbers, self.stopped_for = [], None
        self.seen = []  # the lost status is not older than the cached Jobs

    @rule(there=st.booleans())
    def replace_claim(self, there: bool) -> None:
        """The claim is deleted, or is another one of the same name, with nothing on it."""
        self.claims += 1
        self.namespace.claims["shards"] = claim("shards", uid=f"uid-{self.claims}") if there else None
        self.namespace.worker.published.clear()

    @rule(name=st.sampled_from(["models", "shards"]))
    def begin_to_delete_a_claim(self, name: str) -> None:
        """A claim is deleted; it stays as long as pods name it."""
        if there := self.namespace.claims[name]:
            self.namespace.claims[name] = replace(there, deleting=True)

    @invariant()
    def deleted_claims_that_nothing_holds_are_gone(self) -> None:
        for name, there in list(self.namespace.claims.items()):
            if there and there.deleting and not self.namespace.jobs:
                self.namespace.claims[name] = None
                if name == "shards":
                    self.namespace.worker.published.clear()

    @rule(there=st.booleans())
    def take_the_source(self, there: bool) -> None:
        """The claim of the source is deleted or created again."""
        self.namespace.claims["models"] = claim("models") if there else None

    @rule(whole=st.booleans(), data=st.data())
    def mount(self, whole: bool, data: st.DataObject) -> None:
        """Pods mount the volume, or some artifacts, or nothing any more; the operator observes that soon after."""
        there = st.sampled_from(sorted(self.namespace.worker.published) or ["0" * 16])
        keys = data.draw(st.lists(there, max_size=2))
        self.namespace.users["shards"] = ("",) if whole else tuple(f"models/llama/{key}" for key in keys)
        self.observe()

    @rule(there=st.booleans(), older=st.booleans())
    def change_the_neighbor(self, there: bool, older: bool) -> None:
        """Another resource gets the same folder, or loses it; the operator observes that soon after."""
        created = START - timedelta(hours=1) if older else START + timedelta(hours=1)
        self.namespace.neighbors = (Neighbor("other", "uid-0", created, "models/llama"),) if there else ()
        self.observe()

    @rule(seconds=st.sampled_from([1.0, 60.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.namespace.advance(seconds)
