"""A small namespace for pure decisions: one resource, its Jobs, pods and claims; plans are carried out at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status
from shardwright_operator.decide import decide
from shardwright_operator.decide.observed import Claim, Config, Job, Neighbor, Observed, Pod, Resource, Warning
from shardwright_operator.decide.plan import CreateClaim, CreateJob, DeleteJob, Plan, SuspendJob
from shardwright_operator.decide.pruning import wants_claim_users
from shardwright_operator.manifests.labels import SUSPENDED
from shardwright_worker.contract.naming import digest_of
from shardwright_worker.contract.progress_line import Progress
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import ArtifactReport, Report, SourceReport
from shardwright_worker.contract.verification_levels import satisfies

START = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG = Config(engine_image="engine:1", prepare_image="prepare:1")
PLAIN: dict[str, Any] = {
    "source": {"persistentVolumeClaim": {"claimName": "models", "path": "llama"}},
    "engine": {"tensorParallelSize": 2},
    "output": {"persistentVolumeClaim": {"claimName": "shards"}},
}


def spec_of(**parts: Any) -> dict[str, Any]:
    """The usual spec with whole parts replaced."""
    return {**PLAIN, **parts}


class FakeNamespace:
    """The namespace. `step` decides and does what the plan says; `settle` goes on until nothing more is asked for."""

    def __init__(self, **parts: Any) -> None:
        self.now, self.config = START, CONFIG
        self.spec = spec_of(**parts)
        self.status, self.generation = Status(), 1
        self.uid = "uid-1"
        self.jobs: dict[str, Job] = {}
        self.bodies: dict[str, Mapping[str, Any]] = {}
        self.pods: dict[str, Pod] = {}
        self.claims: dict[str, Claim | None] = {name: claim(name) for name in ("models", "shards")}
        self.warnings: tuple[Warning, ...] = ()
        self.progress: dict[str, Progress] = {}
        self.users: dict[str, tuple[str, ...]] = {}
        self.neighbors: tuple[Neighbor, ...] = ()
        self.named_by: tuple[str, ...] = ()
        self.removed: list[str] = []  # what pruning Jobs were let remove of `published`
        self.published: set[str] = set()  # keys of artifacts on the volume
        self.mounted: dict[str, Claim | None] = {}  # Job uid -> the output claim that its pod mounts
        self.slow_to_delete = False  # Jobs stay, being deleted, until `bury`
        self.revision = "r1"
        self.verified_by = ""  # how what is made is proven; empty: as it was asked for
        self.levels: dict[str, str] = {}  # key of an artifact -> how it was proven
        self.created: list[str] = []
        self.events: list[tuple[str, str]] = []
        self.requested_at: str | None = None

    def observed(self) -> Observed:
        """What a decision sees."""
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
        """What would be done now."""
        return decide(self.now, self.config, self.observed())

    def step(self, seen: Observed | None = None) -> Plan:
        """Decide on what was `seen` (by default all there is), act as the API server lets us, write the status."""
        plan = decide(self.now, self.config, seen or self.observed())
        for action in plan.actions:
            match action:
                case CreateJob(body):
                    self._create(body)
                case CreateClaim(body):
                    name = body["metadata"]["name"]
                    owners = tuple((one["name"], one["uid"]) for one in body["metadata"].get("ownerReferences", ()))
                    self.claims[name] = claim(name, owned=True, owners=owners)
                case DeleteJob(name, uid) if self._is(name, uid):
                    self.jobs[name] = replace(self.jobs[name], deleting=True)
                case SuspendJob(name, uid, suspend) if self._is(name, uid):
                    labels = {key: value for key, value in self.jobs[name].labels.items() if key != SUSPENDED}
                    mark = {SUSPENDED: "true"} if suspend else {}
                    self.jobs[name] = replace(self.jobs[name], suspended=suspend, labels={**labels, **mark})
        if not self.slow_to_delete:
            self.finish_deletions()
        self.events += [(event.type, event.reason) for event in plan.events]
        self.status = Status.model_validate(plan.status.to_wire())
        return plan

    def finish_deletions(self) -> None:
        """What was being deleted is gone."""
        for job in [job for job in self.jobs.values() if job.deleting]:
            self.remove_job(job.name)

    def _is(self, name: str, uid: str) -> bool:
        return name in self.jobs and self.jobs[name].uid == uid

    def settle(self) -> Plan:
        """Step until the plan changes nothing."""
        for _ in range(20):
            self.finish_deletions()
            before = (self.status, dict(self.jobs))
            plan = self.step()
            if (self.status, self.jobs) == before and not plan.actions:
                return plan
        raise AssertionError(f"no rest: {plan}")

    def edit(self, **parts: Any) -> None:
        """The user replaces parts of the spec."""
        self.spec = {**self.spec, **parts}
        self.generation += 1

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)

    def live_jobs(self) -> list[Job]:
        """Jobs that have not ended."""
        return [job for job in self.jobs.values() if not job.finished]

    def start_job(self) -> Job:
        """The one live Job, its pod started."""
        (job,) = self.live_jobs()
        job = self.jobs[job.name] = replace(job, suspended=False)  # whatever held it has let it go
        self.pods[job.name] = replace(pod(job, self.now), phase="Running", started_at=self.now)
        self.mounted.setdefault(job.uid, self.claims["shards"])
        return job

    def remove_job(self, name: str) -> None:
        """A Job is deleted, with its pods."""
        self.jobs.pop(name)
        self.pods.pop(name, None)

    def succeed(self, **changes: Any) -> None:
        """The live Job ends well, with the report of a real worker; `changes` are what a strange one says instead."""
        job = self.start_job()
        report = self._report(job).model_copy(update=changes)
        self._end(job, 0, report.to_text())

    def fail(self, reason: Reason, message: str = "it broke", retry_after: float | None = None, **facts: Any) -> None:
        """The live Job's worker reports this failure."""
        job = self.start_job()
        stage = job.labels["shardwright.io/stage"].capitalize()
        code = MEANINGS[reason].exit_code or 1
        report = Report(
            stage=stage,
            succeeded=False,
            reason=reason,
            message=message,
            exit_code=code,
            retry_after_seconds=retry_after,
        )
        self._end(job, code, report.to_text(), **facts)

    def exit_without_report(
        self,
        exit_code: int,
        condition: tuple[str, str] = ("BackoffLimitExceeded", "it failed"),
        log: str = "",
        **facts: Any,
    ) -> None:
        """The live Job ends without a report; the kubelet takes the end of the log for one."""
        job = self.start_job()
        self._end(job, exit_code, log, condition, **facts)

    def outcome_events(self) -> list[tuple[str, str]]:
        """The events that tell how something ended, or what is in the way."""
        return [event for event in self.events if event[1] != Reason.PROGRESSING]

    def ready(self) -> tuple[str, str]:
        """Status and reason of the condition Ready."""
        condition = self.status.condition("Ready")
        assert condition is not None
        return condition.status, condition.reason

    def message(self) -> str:
        """Message of the condition Ready."""
        condition = self.status.condition("Ready")
        return condition.message if condition else ""

    def run_to_ready(self) -> None:
        """Prepare and shard go well."""
        while self.settle() and self.live_jobs():
            self.succeed()
        assert self.ready() == ("True", "Succeeded"), self.message()

    def _create(self, body: Mapping[str, Any]) -> None:
        name = body["metadata"]["name"]
        if name in self.jobs:
            return
        self.created.append(name)
        self.bodies[name] = body
        labels = body["metadata"]["labels"]
        suspended = bool(body["spec"].get("suspend"))
        self.jobs[name] = Job(name, f"uid-{len(self.created)}", self.now, True, labels, suspended=suspended)

    def _end(
        self, job: Job, code: int, message: str, condition: tuple[str, str] = ("PodFailurePolicy", ""), **facts: Any
    ) -> None:
        ended = replace(
            self.pods[job.name], phase="Failed" if code else "Succeeded", exit_code=code, finished_at=self.now
        )
        self.pods[job.name] = replace(ended, termination_message=message, **facts)
        failed = condition if code else None
        self.jobs[job.name] = replace(job, complete=not code, failed=failed, finished_at=self.now)

    def _report(self, job: Job) -> Report:
        stage = job.labels["shardwright.io/stage"]
        arguments = self.bodies[job.name]["spec"]["template"]["spec"]["containers"][0]["args"]
        inputs = [one for one in arguments if "report" not in one and "termination" not in one]
        if stage == "shard":
            key = arguments[arguments.index("--artifact-name") + 1]
            asked = arguments[arguments.index("--verification") + 1].capitalize()
            if key not in self.published or not satisfies(self.levels.get(key, ""), asked):
                self.levels[key] = self.verified_by or asked
            if self.mounted[job.uid] == self.claims["shards"]:
                self.published.add(key)
            return Report(stage="Shard", succeeded=True, key=key, artifact=artifact(key, self.levels[key]))
        if self.claims["models"] is None and "--published" in arguments:
            return self._without_source(arguments[arguments.index("--published") + 1])
        layout = inputs[inputs.index("--tensor-parallel-size") : inputs.index("--max-file-size")]
        key = digest_of([layout, self.revision])[:16]
        source = SourceReport(
            digest=digest_of(self.revision),
            revision=self.revision,
            path="",
            volume="source",
            bytes=9,
            files=2,
            fingerprint="f" * 64,
        )
        there = key in self.published and self.mounted[job.uid] == self.claims["shards"]
        found = artifact(key, self.levels.get(key, "Load")) if there else None
        if found and "--deep" in arguments:
            found = found.model_copy(update={"looked_at": "Bytes"})
        upkeep = self._prune(arguments) if "--history-limit" in arguments else {}
        return Report(stage="Prepare", succeeded=True, key=key, source=source, artifact=found, upkeep=upkeep)

    def _without_source(self, key: str) -> Report:
        """What a worker says that looks after an artifact whose source is gone."""
        there = key in self.published
        told = {"source": "source /source/llama does not exist", **({} if there else {"damaged": "it is gone"})}
        found = artifact(key, self.levels.get(key, "Load")) if there else None
        message = "" if there else "it is gone"
        return Report(stage="Prepare", succeeded=True, key=key, artifact=found, message=message, upkeep=told)

    def _prune(self, arguments: list[str]) -> dict[str, str]:
        """What a worker does: late ones nothing, others remove all but the published artifact and those in use."""
        if self.now.timestamp() > int(arguments[arguments.index("--prune-until") + 1]):
            return {"skipped": "started too late"}
        in_use = {arguments[at + 1] for at, one in enumerate(arguments) if one == "--in-use"}
        older = self.published - {arguments[arguments.index("--published") + 1]}
        self.removed += sorted(older - in_use)
        self.published -= older - in_use
        spared = {"spared": " ".join(sorted(older & in_use))} if older & in_use else {}
        return {"kept": str(len(self.published)), "removed": " ".join(sorted(older - in_use)), **spared}


def claim(name: str, uid: str = "", owned: bool = False, **facts: Any) -> Claim:
    """A bound claim that can be written to."""
    return Claim(name, uid or f"uid-{name}", "Bound", ("ReadWriteMany",), owned_by_us=owned, **facts)


def pod(job: Job, now: datetime) -> Pod:
    """A Job's pod that waits."""
    return Pod(name=job.name, uid=f"uid-pod-{job.name}", job_name=job.name, phase="Pending", created_at=now)


def artifact(key: str, verified_by: str = "Load") -> ArtifactReport:
    """What a report says of an artifact."""
    return ArtifactReport(
        key=key,
        path=f"models/llama/{key}",
        manifest_digest=digest_of(key),
        bytes=1000,
        files=4,
        vllm_version="0.32.0",
        accelerator="cpu",
        verified_by=verified_by,
        completed_at=START.isoformat(),
    )
