"""A namespace in memory for decision tests: one resource, its Jobs, pods and claims; plans are carried out at once."""

from __future__ import annotations

from typing import Any

from shardwright_operator.api.names import STAGE
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status
from shardwright_operator.decide import decide
from shardwright_operator.decide.observed import Claim, Job, Neighbor, Observed, ObservedEvent, Resource
from shardwright_operator.decide.plan import CreateClaim, CreateJob, DeleteJob, Plan, SuspendJob
from shardwright_operator.decide.pruning import wants_claim_users
from shardwright_operator.manifests.job import build_job
from shardwright_worker.contract.progress_line import Progress
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import Report
from tools.testing.fake_jobs import FakeJobs
from tools.testing.fake_objects import CONFIG, START, claim, spec_of
from tools.testing.fake_worker import FakeWorker, Run


class FakeNamespace(FakeJobs):
    """The namespace. `step` decides and acts once; `settle` repeats it until the plan changes nothing."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(START)
        self.config = CONFIG
        self.spec = spec_of(**parts)
        self.status, self.generation = Status(), 1
        self.uid = "uid-1"
        self.worker = FakeWorker()
        self.claims: dict[str, Claim | None] = {name: claim(name) for name in ("models", "shards")}
        self.warnings: tuple[ObservedEvent, ...] = ()
        self.progress: dict[str, Progress] = {}
        self.users: dict[str, tuple[str, ...]] = {}
        self.neighbors: tuple[Neighbor, ...] = ()
        self.named_by: tuple[str, ...] = ()
        self.mounted: dict[str, Claim | None] = {}  # Job uid -> the output claim that its pod mounts
        self.events: list[tuple[str, str]] = []
        self.requested_at: str | None = None

    def observed(self) -> Observed:
        """Return what a decision is based on."""
        resource = Resource(
            namespace="models",
            name="llama",
            uid=self.uid,
            generation=self.generation,
            resource_version="1",
            deleting=False,
            requested_at=self.requested_at,
            spec=Spec.model_validate(self.spec),
            status=self.status,
            created_at=START,
        )
        return Observed(
            resource=resource,
            jobs=tuple(self.jobs.values()),
            pods=tuple(self.pods.values()),
            claims=dict(self.claims),
            warnings=self.warnings,
            progress=dict(self.progress),
            claim_users=dict(self.users) if wants_claim_users(resource) else None,
            neighbors=self.neighbors,
            named_by=self.named_by,
        )

    def plan(self) -> Plan:
        """Return what the operator would do now."""
        return decide(self.now, self.config, self.observed())

    def step(self, seen: Observed | None = None) -> Plan:
        """Decide on `seen` (default: the present state), carry out the plan, and store the status."""
        plan = decide(self.now, self.config, seen or self.observed())
        for action in plan.actions:
            match action:
                case CreateJob(request):
                    self.create_job(build_job(request))
                case CreateClaim(name=name):
                    owners = ((action.resource, action.uid),) if action.owned else ()
                    self.claims[name] = claim(name, owners=owners)
                case DeleteJob(name, uid):
                    self.delete_job(name, uid)
                case SuspendJob(name, uid, suspend):
                    self.suspend_job(name, uid, suspend)
        if not self.slow_to_delete:
            self.finish_deletions()
        self.events += [(event.type, event.reason) for event in plan.events]
        self.status = Status.model_validate(plan.status.to_wire())
        return plan

    def settle(self) -> Plan:
        """Step until the plan changes nothing."""
        for _ in range(20):
            self.finish_deletions()
            before = (self.status, dict(self.jobs))
            plan = self.step()
            if (self.status, self.jobs) == before and not plan.actions:
                return plan
        raise AssertionError(f"the plan still changes after 20 steps: {plan}")

    def edit(self, **parts: Any) -> None:
        """Replace parts of the spec, as a user does."""
        self.spec = {**self.spec, **parts}
        self.generation += 1

    def start_job(self) -> Job:
        """Start the pod of the only live Job, and return the Job."""
        job = self.start_pod()
        self.mounted.setdefault(job.uid, self.claims["shards"])
        return job

    def succeed(self, **changes: Any) -> None:
        """End the live Job with the report of a worker that succeeds; `changes` replace fields of the report."""
        job = self.start_job()
        report = self._report(job).model_copy(update=changes)
        self.end_job(job, 0, report.to_text())

    def fail(self, reason: Reason, message: str = "it broke", retry_after: float | None = None, **facts: Any) -> None:
        """End the live Job with a report of this failure."""
        job = self.start_job()
        stage = job.labels[STAGE].capitalize()
        code = MEANINGS[reason].exit_code or 1
        report = Report(
            stage=stage,
            succeeded=False,
            reason=reason,
            message=message,
            exit_code=code,
            retry_after_seconds=retry_after,
        )
        self.end_job(job, code, report.to_text(), **facts)

    def exit_without_report(
        self,
        exit_code: int,
        condition: tuple[str, str] = ("BackoffLimitExceeded", "it failed"),
        log: str = "",
        **facts: Any,
    ) -> None:
        """End the live Job without a report: the kubelet takes the end of the log for the termination message.

        https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
        """
        job = self.start_job()
        self.end_job(job, exit_code, log, condition, **facts)

    def outcome_events(self) -> list[tuple[str, str]]:
        """Return the events but those of progress."""
        return [event for event in self.events if event[1] != Reason.PROGRESSING]

    def ready(self) -> tuple[str, str]:
        """Return status and reason of the condition Ready."""
        condition = self.status.condition("Ready")
        assert condition is not None
        return condition.status, condition.reason

    def message(self) -> str:
        """Return the message of the condition Ready."""
        condition = self.status.condition("Ready")
        return condition.message if condition else ""

    def run_to_ready(self) -> None:
        """Let both stages succeed."""
        while self.settle() and self.live_jobs():
            self.succeed()
        assert self.ready() == ("True", "Succeeded"), self.message()

    def _report(self, job: Job) -> Report:
        arguments = self.bodies[job.name]["spec"]["template"]["spec"]["containers"][0]["args"]
        mounts_output = self.mounted[job.uid] == self.claims["shards"]
        run = Run(arguments, self.now.timestamp(), self.claims["models"] is not None, mounts_output)
        return self.worker.report(job.labels[STAGE], run)
