"""Whatever users, Jobs, pods, caches and time do to a resource, some things always hold, and in the end it is quiet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shardwright_operator.api.names import SUSPENDED
from shardwright_operator.api.status import Status
from shardwright_operator.decide.observed import Job, Neighbor, Observed
from shardwright_operator.decide.plan import SuspendJob
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.verification_levels import satisfies
from tools.testing.fake_namespace import FakeNamespace
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
SPEC_OF_STOP = ("source", "engine", "output", "job", "verification")


class AnyWorld(RuleBasedStateMachine):
    """The machine: rules are what may happen, invariants what must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.namespace = FakeNamespace()
        self.namespace.slow_to_delete = True
        self.seen: list[Observed] = []
        self.claims = 0  # that came one after the other
        self.numbers: list[int] = []  # attempts, since the status was wiped last
        self.stopped_for: object = None  # what would have to change for another attempt

    def job(self) -> Job:
        """The one live Job."""
        (job,) = self.namespace.live_jobs()
        return job

    def act(self, seen: Observed | None = None) -> None:
        """One round of the operator, on what it has seen."""
        namespace, before = self.namespace, len(self.namespace.created)
        marked = {job.name for job in (seen or namespace.observed()).jobs if SUSPENDED in job.labels}
        plan = namespace.step(seen)
        resumed = {one.name for one in plan.actions if isinstance(one, SuspendJob) and not one.suspend}
        assert resumed <= marked, "a Job was resumed that somebody else holds"
        assert plan.status.observed_generation == namespace.generation
        assert plan.requeue_after is None or plan.requeue_after >= 0, "a time that has passed is looked at for ever"
        for name in namespace.created[before:]:
            if (
                name not in namespace.created[:before]
            ):  # one that was gone before it was ever seen is the same attempt still
                self.note_created(name)
        stalled = namespace.status.condition("Stalled")
        stopped = stalled and stalled.reason not in (Reason.NAME_CONFLICT, Reason.INVALID_SPEC)
        self.stopped_for = self.inputs() if stopped else None

    def note_created(self, name: str) -> None:
        """No number comes twice; what is published is not made again; what is stopped stays so."""
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
        """What lifts a permanent failure when it changes."""
        namespace, shards = self.namespace, self.namespace.claims["shards"]
        return [namespace.spec.get(part) for part in SPEC_OF_STOP], namespace.requested_at, shards and shards.uid

    @rule()
    def look(self) -> None:
        """The operator does one round on the namespace as it is."""
        self.seen = [*self.seen[-4:], self.namespace.observed()]
        self.act()

    @rule(stages=st.integers(1, 2))
    def go_well(self, stages: int) -> None:
        """Nothing disturbs a stage or two."""
        for _ in range(stages):
            for _ in range(3):
                self.look()
            if self.can_run():
                self.namespace.succeed()
            self.look()

    @rule(back=st.integers(0, 3))
    @precondition(lambda self: self.seen)
    def look_with_a_stale_cache(self, back: int) -> None:
        """Jobs and pods of a while ago, the rest of now; the Job on record is looked up live where it is missing."""
        old, now = self.seen[max(-1 - back, -len(self.seen))], self.namespace.observed()
        jobs, pods = {job.name: job for job in old.jobs}, {pod.name: pod for pod in old.pods}
        on_record = now.resource.status.job
        for job in now.jobs:
            if on_record and job.name == on_record.name:
                jobs.setdefault(job.name, job)
        for job in jobs.values():
            if job.finished and job.name in self.namespace.pods:
                pods[job.name] = self.namespace.pods[job.name]
        self.act(replace(now, jobs=tuple(jobs.values()), pods=tuple(pods.values())))

    @rule()
    @precondition(lambda self: self.can_run())
    def succeed(self) -> None:
        """The Job ends well."""
        self.namespace.succeed()

    @rule()
    @precondition(lambda self: self.can_run())
    def succeed_unheard(self) -> None:
        """The Job ends well, its pod is gone before anybody has read its report."""
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
    def die(self, end: tuple[int, tuple[str, str], dict[str, Any]]) -> None:
        """The pod dies without a word."""
        code, condition, facts = end
        self.namespace.exit_without_report(code, condition, **facts)

    @rule()
    @precondition(
        lambda self: self.namespace.live_jobs() and self.namespace.claims["shards"] and not self.job().deleting
    )
    def start(self) -> None:
        """The pod starts; a queue may have let it go."""
        job = self.job()
        queued = "kueue.x-k8s.io/queue-name" in job.labels
        if queued or not job.suspended:
            self.namespace.jobs[job.name] = replace(job, suspended=False)
            self.namespace.start_job()

    @rule()
    @precondition(lambda self: self.namespace.live_jobs())
    def hold(self) -> None:
        """A queue suspends the Job, whether it runs or not, and takes its pods."""
        job = self.job()
        self.namespace.jobs[job.name] = replace(job, suspended=True)
        self.namespace.pods.pop(job.name, None)

    @rule()
    @precondition(lambda self: self.namespace.live_jobs())
    def let_go(self) -> None:
        """A queue resumes the Job, whoever has suspended it."""
        job = self.job()
        self.namespace.jobs[job.name] = replace(job, suspended=False)

    @rule()
    def deletions_end(self) -> None:
        """What was being deleted is gone."""
        self.namespace.finish_deletions()

    @rule()
    @precondition(lambda self: self.namespace.jobs)
    def delete_a_job(self) -> None:
        """Somebody, or the TTL, deletes the newest Job."""
        self.namespace.remove_job(list(self.namespace.jobs)[-1])

    @rule(edit=st.sampled_from(EDITS))
    def edit(self, edit: dict[str, Any]) -> None:
        """The user changes the spec."""
        self.namespace.edit(**edit)

    @rule(word=st.sampled_from(["a", "b"]))
    def request(self, word: str) -> None:
        """The user asks for another try."""
        self.namespace.requested_at = word

    @rule(revision=st.sampled_from(["r1", "r2"]))
    def move_the_source(self, revision: str) -> None:
        """The source changes."""
        self.namespace.worker.revision = revision

    @rule()
    def wipe_status(self) -> None:
        """The status is lost, and with it what it knew of numbers and failures."""
        self.namespace.status = Status()
        self.numbers, self.stopped_for = [], None
        self.seen = []  # this news is no older than what the cache holds of Jobs

    @rule(there=st.booleans())
    def replace_claim(self, there: bool) -> None:
        """The claim goes, or is another one of the same name, with nothing on it."""
        self.claims += 1
        self.namespace.claims["shards"] = claim("shards", uid=f"uid-{self.claims}") if there else None
        self.namespace.worker.published.clear()

    @rule()
    def look_while_the_claim_seems_gone(self) -> None:
        """The API server knows nothing of the claim for a moment."""
        now = self.namespace.observed()
        self.act(replace(now, claims={**now.claims, "shards": None}))

    @rule(name=st.sampled_from(["models", "shards"]))
    def begin_to_delete_a_claim(self, name: str) -> None:
        """A claim is deleted; it stays as long as pods name it."""
        if there := self.namespace.claims[name]:
            self.namespace.claims[name] = replace(there, deleting=True)

    @invariant()
    def claims_that_nothing_holds_go(self) -> None:
        for name, there in list(self.namespace.claims.items()):
            if there and there.deleting and not self.namespace.jobs:
                self.namespace.claims[name] = None
                if name == "shards":
                    self.namespace.worker.published.clear()

    @rule(there=st.booleans())
    def take_the_source(self, there: bool) -> None:
        """The claim of the source goes or comes back."""
        self.namespace.claims["models"] = claim("models") if there else None

    @rule(whole=st.booleans(), data=st.data())
    def mount(self, whole: bool, data: st.DataObject) -> None:
        """Pods mount the volume, or some artifacts, or nothing any more; the operator looks soon after."""
        there = st.sampled_from(sorted(self.namespace.worker.published) or ["0" * 16])
        keys = data.draw(st.lists(there, max_size=2))
        self.namespace.users["shards"] = ("",) if whole else tuple(f"models/llama/{key}" for key in keys)
        self.look()

    @rule(there=st.booleans(), older=st.booleans())
    def meet_a_neighbor(self, there: bool, older: bool) -> None:
        """Another resource has the same folder, or has it no more; the operator looks soon after."""
        created = START - timedelta(hours=1) if older else START + timedelta(hours=1)
        self.namespace.neighbors = (Neighbor("other", "uid-0", created, "models/llama"),) if there else ()
        self.look()

    @rule(seconds=st.sampled_from([1.0, 60.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.namespace.advance(seconds)

    @invariant()
    def nothing_that_is_mounted_is_removed(self) -> None:
        namespace = self.namespace
        for path in namespace.users.get("shards", ()):
            assert path.rpartition("/")[2] not in namespace.worker.removed
        namespace.worker.removed.clear()

    @invariant()
    def at_most_one_job_lives(self) -> None:
        assert len(self.namespace.live_jobs()) <= 1

    @invariant()
    def conditions_obey_the_table(self) -> None:
        shown = {one.type: one for one in self.namespace.status.conditions}
        if not shown:
            return
        ready, reconciling, stalled = shown["Ready"], shown.get("Reconciling"), shown.get("Stalled")
        assert not (reconciling and stalled)
        if ready.status == "True":
            assert not reconciling
            assert not stalled
        if ready.status == "Unknown":
            assert reconciling or ready.reason == Reason.SUSPENDED
        if stalled:
            assert (ready.status, ready.reason) == ("False", stalled.reason)
        assert all(one.observed_generation == self.namespace.status.observed_generation for one in shown.values())
        assert self.namespace.status.observed_generation <= self.namespace.generation
        assert {"VolumeReady", "SourceReady", "ShardsComplete", "MetadataComplete", "Verified"} <= shown.keys()

    @invariant()
    def ready_is_never_a_lie(self) -> None:
        namespace, ready = self.namespace, self.namespace.status.condition("Ready")
        if ready is None or ready.status != "True" or namespace.status.observed_generation != namespace.generation:
            return
        artifact, shards = namespace.status.artifact, namespace.claims["shards"]
        assert artifact is not None
        assert namespace.status.serving is not None
        if shards and artifact.claim_uid == shards.uid:
            assert artifact.key in namespace.worker.published
            assert satisfies(namespace.worker.levels[artifact.key], namespace.spec.get("verification", "Load"))
            assert artifact.tensor_parallel_size == namespace.spec["engine"]["tensorParallelSize"]

    def can_run(self) -> bool:
        """Whether there is a Job whose pod may end."""
        live = self.namespace.live_jobs()
        return bool(live) and not live[0].suspended and not live[0].deleting and bool(self.namespace.claims["shards"])

    def teardown(self) -> None:
        """From any state: with claims, no suspension and Jobs that go well, it becomes Ready and then quiet.

        Losing the status then changes nothing of that.
        """
        namespace = self.namespace
        namespace.step()
        namespace.finish_deletions()
        self.claims_that_nothing_holds_go()
        assert not any(there and there.deleting for there in namespace.claims.values()) or namespace.live_jobs()
        for name, there in namespace.claims.items():
            if there is None or there.deleting:
                namespace.claims[name] = claim(name, uid=f"uid-{name}-again")
                namespace.worker.published.clear()
        namespace.users.clear()
        namespace.neighbors = ()
        namespace.edit(suspend=False, job={}, recheck=None)
        namespace.requested_at = "the end"
        self.come_to_rest()
        conditions, artifact = _without_times(namespace.status)
        namespace.status = Status()
        created = len(namespace.created)
        self.come_to_rest()
        assert (conditions, artifact) == _without_times(namespace.status)
        assert not any("-shard-" in name for name in namespace.created[created:])

    def come_to_rest(self) -> None:
        """All goes well until nothing happens any more."""
        namespace = self.namespace
        for _ in range(12):
            plan = namespace.settle()
            if namespace.live_jobs():
                job = self.job()
                namespace.jobs[job.name] = replace(job, suspended=False)
                namespace.succeed()
            elif plan.requeue_after:
                namespace.advance(plan.requeue_after)
            else:
                break
        assert namespace.ready() == ("True", "Succeeded"), namespace.message()
        plan = namespace.plan()
        assert not plan.actions
        assert plan.status == namespace.status


def _without_times(status: Status) -> tuple[list[tuple[str, str, str]], str]:
    assert status.artifact is not None
    return [(one.type, one.status, one.reason) for one in status.conditions], status.artifact.path


TestAnyWorld = AnyWorld.TestCase
TestAnyWorld.settings = settings(
    max_examples=200,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
