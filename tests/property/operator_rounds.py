"""Rounds of the operator on a fake namespace, with fresh and with stale observations, and what holds in each."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from shardwright_operator.api.names import SUSPENDED_LABEL
from shardwright_operator.decide.observed import Job, Observed
from shardwright_operator.decide.plan import SuspendJob
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.verification_levels import satisfies
from tools.testing.fake_namespace import FakeNamespace

SPEC_OF_STOP = ("source", "engine", "output", "job", "verification")


class OperatorRounds(RuleBasedStateMachine):
    """A resource, what the operator has observed of it, and the attempts that it has started."""

    def __init__(self) -> None:
        super().__init__()
        self.namespace = FakeNamespace()
        self.namespace.slow_to_delete = True
        self.seen: list[Observed] = []
        self.claims = 0  # number of claims so far
        self.numbers: list[int] = []  # attempts, since the status was lost last
        self.stopped_for: object = None  # what would have to change for another attempt

    def job(self) -> Job:
        """Return the one live Job."""
        (job,) = self.namespace.live_jobs()
        return job

    def act(self, seen: Observed | None = None) -> None:
        """Do one round of the operator, on what it has observed."""
        namespace, before = self.namespace, len(self.namespace.created)
        marked = {job.name for job in (seen or namespace.observed()).jobs if SUSPENDED_LABEL in job.labels}
        plan = namespace.step(seen)
        resumed = {one.name for one in plan.actions if isinstance(one, SuspendJob) and not one.suspend}
        assert resumed <= marked, "a Job was resumed that another controller has suspended"
        assert plan.status.observed_generation == namespace.generation
        assert plan.requeue_after is None or plan.requeue_after >= 0, "a time in the past never passes"
        for name in namespace.created[before:]:
            # A Job that was deleted before it was ever observed is created again as the same attempt.
            if name not in namespace.created[:before]:
                self.note_created(name)
        stalled = namespace.status.condition("Stalled")
        stopped = stalled and stalled.reason not in (Reason.NAME_CONFLICT, Reason.INVALID_SPEC)
        self.stopped_for = self.inputs() if stopped else None

    def note_created(self, name: str) -> None:
        """Check that no number is used twice, nothing published is built again, and what is stopped stays so."""
        namespace = self.namespace
        labels = namespace.bodies[name]["metadata"]["labels"]
        self.numbers.append(int(labels["shardwright.io/attempt"]))
        assert self.numbers == sorted(set(self.numbers)), f"attempts go back: {self.numbers}"
        arguments = namespace.bodies[name]["spec"]["template"]["spec"]["containers"][0]["args"]
        if labels["shardwright.io/stage"] == "shard":
            key, level = (arguments[arguments.index(flag) + 1] for flag in ("--artifact-name", "--verification"))
            assert key not in namespace.worker.published or not satisfies(namespace.worker.levels.get(key, ""), level)
        assert self.stopped_for != self.inputs(), "a permanent failure was tried again"
        assert not namespace.spec.get("suspend")

    def inputs(self) -> object:
        """Return what resets a permanent failure when it changes."""
        namespace, shards = self.namespace, self.namespace.claims["shards"]
        return [namespace.spec.get(part) for part in SPEC_OF_STOP], namespace.requested_at, shards and shards.uid

    def can_run(self) -> bool:
        """Return whether there is a Job whose pod may end."""
        live = self.namespace.live_jobs()
        return bool(live) and not live[0].suspended and not live[0].deleting and bool(self.namespace.claims["shards"])

    @rule()
    def observe(self) -> None:
        """The operator does one round on the present state."""
        self.seen = [*self.seen[-4:], self.namespace.observed()]
        self.act()

    @rule(stages=st.integers(1, 2))
    def run_undisturbed(self, stages: int) -> None:
        """Nothing disturbs a stage or two."""
        for _ in range(stages):
            for _ in range(3):
                self.observe()
            if self.can_run():
                self.namespace.succeed()
            self.observe()

    @rule(back=st.integers(0, 3))
    @precondition(lambda self: self.seen)
    def observe_with_a_stale_cache(self, back: int) -> None:
        """Jobs and pods of a while ago, the rest of now; the Job on record is read live where it is missing.

        A Job that the operator has deleted was in its cache, and stays there until its deletion is observed.
        """
        old, now = self.seen[max(-1 - back, -len(self.seen))], self.namespace.observed()
        jobs, pods = {job.name: job for job in old.jobs}, {pod.name: pod for pod in old.pods}
        on_record = now.resource.status.job
        for job in now.jobs:
            if job.deleting or (on_record and job.name == on_record.name):
                jobs.setdefault(job.name, job)
        for job in jobs.values():
            if job.finished and job.name in self.namespace.pods:
                pods[job.name] = self.namespace.pods[job.name]
        self.act(replace(now, jobs=tuple(jobs.values()), pods=tuple(pods.values())))

    @rule()
    def observe_while_the_claim_seems_gone(self) -> None:
        """The API server knows nothing of the claim for a moment."""
        now = self.namespace.observed()
        self.act(replace(now, claims={**now.claims, "shards": None}))
