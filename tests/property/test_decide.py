"""Whatever users, Jobs, pods, caches and time do to a resource, some things always hold, and in the end it is quiet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shardwright_operator.api.status import Status
from shardwright_operator.decide.observed import Job, Neighbor, Observed
from shardwright_operator.decide.plan import SuspendJob
from shardwright_operator.manifests.labels import SUSPENDED
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.verification_levels import satisfies
from tools.testing.imagined import START, Imagined, claim

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
    {"output": {"persistentVolumeClaim": {"claimName": "shards"}, "keep": 1}},
]
SPEC_OF_STOP = ("source", "engine", "output", "job", "verification")


class AnyWorld(RuleBasedStateMachine):
    """The machine: rules are what may happen, invariants what must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Imagined()
        self.world.slow_to_delete = True
        self.seen: list[Observed] = []
        self.claims = 0  # that came one after the other
        self.numbers: list[int] = []  # attempts, since the status was wiped last
        self.stopped_for: object = None  # what would have to change for another attempt

    def job(self) -> Job:
        """The one live Job."""
        (job,) = self.world.live()
        return job

    def act(self, seen: Observed | None = None) -> None:
        """One round of the operator, on what it has seen."""
        world, before = self.world, len(self.world.created)
        marked = {job.name for job in (seen or world.observed()).jobs if SUSPENDED in job.labels}
        plan = world.step(seen)
        resumed = {one.name for one in plan.actions if isinstance(one, SuspendJob) and not one.suspend}
        assert resumed <= marked, "a Job was resumed that somebody else holds"
        assert plan.status.observed_generation == world.generation
        assert plan.requeue_after is None or plan.requeue_after >= 0, "a time that has passed is looked at for ever"
        for name in world.created[before:]:
            if (
                name not in world.created[:before]
            ):  # one that was gone before it was ever seen is the same attempt still
                self.note_created(name)
        stalled = world.status.condition("Stalled")
        stopped = stalled and stalled.reason not in (Reason.NAME_CONFLICT, Reason.INVALID_SPEC)
        self.stopped_for = self.inputs() if stopped else None

    def note_created(self, name: str) -> None:
        """No number comes twice; what is published is not made again; what is stopped stays so."""
        world = self.world
        labels = world.bodies[name]["metadata"]["labels"]
        self.numbers.append(int(labels["shardwright.io/attempt"]))
        assert self.numbers == sorted(set(self.numbers)), f"attempts go back: {self.numbers}"
        arguments = world.bodies[name]["spec"]["template"]["spec"]["containers"][0]["args"]
        if labels["shardwright.io/stage"] == "shard":
            key, level = (arguments[arguments.index(flag) + 1] for flag in ("--artifact-name", "--verification"))
            assert key not in world.published or not satisfies(world.levels.get(key, ""), level)
        assert self.stopped_for != self.inputs(), "a permanent failure was tried again"
        assert not world.spec.get("suspend")

    def inputs(self) -> object:
        """What lifts a permanent failure when it changes."""
        world, shards = self.world, self.world.claims["shards"]
        return [world.spec.get(part) for part in SPEC_OF_STOP], world.requested_at, shards and shards.uid

    @rule()
    def look(self) -> None:
        """The operator does one round on the world as it is."""
        self.seen = [*self.seen[-4:], self.world.observed()]
        self.act()

    @rule(stages=st.integers(1, 2))
    def go_well(self, stages: int) -> None:
        """Nothing disturbs a stage or two."""
        for _ in range(stages):
            for _ in range(3):
                self.look()
            if self.can_run():
                self.world.succeed()
            self.look()

    @rule(back=st.integers(0, 3))
    @precondition(lambda self: self.seen)
    def look_with_a_stale_cache(self, back: int) -> None:
        """Jobs and pods of a while ago, the rest of now; the Job on record is looked up live where it is missing."""
        old, now = self.seen[max(-1 - back, -len(self.seen))], self.world.observed()
        jobs, pods = {job.name: job for job in old.jobs}, {pod.name: pod for pod in old.pods}
        on_record = now.resource.status.job
        for job in now.jobs:
            if on_record and job.name == on_record.name:
                jobs.setdefault(job.name, job)
        for job in jobs.values():
            if job.finished and job.name in self.world.pods:
                pods[job.name] = self.world.pods[job.name]
        self.act(replace(now, jobs=tuple(jobs.values()), pods=tuple(pods.values())))

    @rule()
    @precondition(lambda self: self.can_run())
    def succeed(self) -> None:
        """The Job ends well."""
        self.world.succeed()

    @rule()
    @precondition(lambda self: self.can_run())
    def succeed_unheard(self) -> None:
        """The Job ends well, its pod is gone before anybody has read its report."""
        job = self.job()
        self.world.succeed()
        self.world.pods.pop(job.name)

    @rule(reason=WORKERS)
    @precondition(lambda self: self.can_run())
    def fail(self, reason: Reason) -> None:
        """The worker reports a failure."""
        self.world.fail(reason)

    @rule(end=st.sampled_from(ENDS))
    @precondition(lambda self: self.can_run())
    def die(self, end: tuple[int, tuple[str, str], dict[str, Any]]) -> None:
        """The pod dies without a word."""
        code, condition, facts = end
        self.world.die(code, condition, **facts)

    @rule()
    @precondition(lambda self: self.world.live() and self.world.claims["shards"] and not self.job().deleting)
    def start(self) -> None:
        """The pod starts; a queue may have let it go."""
        job = self.job()
        queued = "kueue.x-k8s.io/queue-name" in job.labels
        if queued or not job.suspended:
            self.world.jobs[job.name] = replace(job, suspended=False)
            self.world.running()

    @rule()
    @precondition(lambda self: self.world.live())
    def hold(self) -> None:
        """A queue suspends the Job, whether it runs or not, and takes its pods."""
        job = self.job()
        self.world.jobs[job.name] = replace(job, suspended=True)
        self.world.pods.pop(job.name, None)

    @rule()
    @precondition(lambda self: self.world.live())
    def let_go(self) -> None:
        """A queue resumes the Job, whoever has suspended it."""
        job = self.job()
        self.world.jobs[job.name] = replace(job, suspended=False)

    @rule()
    def deletions_end(self) -> None:
        """What was being deleted is gone."""
        self.world.bury()

    @rule()
    @precondition(lambda self: self.world.jobs)
    def delete_a_job(self) -> None:
        """Somebody, or the TTL, deletes the newest Job."""
        self.world.vanish(list(self.world.jobs)[-1])

    @rule(edit=st.sampled_from(EDITS))
    def edit(self, edit: dict[str, Any]) -> None:
        """The user changes the spec."""
        self.world.edit(**edit)

    @rule(word=st.sampled_from(["a", "b"]))
    def request(self, word: str) -> None:
        """The user asks for another try."""
        self.world.requested_at = word

    @rule(revision=st.sampled_from(["r1", "r2"]))
    def move_the_source(self, revision: str) -> None:
        """The source changes."""
        self.world.revision = revision

    @rule()
    def wipe_status(self) -> None:
        """The status is lost, and with it what it knew of numbers and failures."""
        self.world.status = Status()
        self.numbers, self.stopped_for = [], None
        self.seen = []  # this news is no older than what the cache holds of Jobs

    @rule(there=st.booleans())
    def replace_claim(self, there: bool) -> None:
        """The claim goes, or is another one of the same name, with nothing on it."""
        self.claims += 1
        self.world.claims["shards"] = claim("shards", uid=f"uid-{self.claims}") if there else None
        self.world.published.clear()

    @rule()
    def look_while_the_claim_seems_gone(self) -> None:
        """The API server knows nothing of the claim for a moment."""
        now = self.world.observed()
        self.act(replace(now, claims={**now.claims, "shards": None}))

    @rule(name=st.sampled_from(["models", "shards"]))
    def begin_to_delete_a_claim(self, name: str) -> None:
        """A claim is deleted; it stays as long as pods name it."""
        if there := self.world.claims[name]:
            self.world.claims[name] = replace(there, deleting=True)

    @invariant()
    def claims_that_nothing_holds_go(self) -> None:
        for name, there in list(self.world.claims.items()):
            if there and there.deleting and not self.world.jobs:
                self.world.claims[name] = None
                if name == "shards":
                    self.world.published.clear()

    @rule(there=st.booleans())
    def take_the_source(self, there: bool) -> None:
        """The claim of the source goes or comes back."""
        self.world.claims["models"] = claim("models") if there else None

    @rule(whole=st.booleans(), data=st.data())
    def mount(self, whole: bool, data: st.DataObject) -> None:
        """Pods mount the volume, or some artifacts, or nothing any more; the operator looks soon after."""
        there = st.sampled_from(sorted(self.world.published) or ["0" * 16])
        keys = data.draw(st.lists(there, max_size=2))
        self.world.users["shards"] = ("",) if whole else tuple(f"models/llama/{key}" for key in keys)
        self.look()

    @rule(there=st.booleans(), older=st.booleans())
    def meet_a_neighbor(self, there: bool, older: bool) -> None:
        """Another resource has the same folder, or has it no more; the operator looks soon after."""
        created = START - timedelta(hours=1) if older else START + timedelta(hours=1)
        self.world.neighbors = (Neighbor("other", "uid-0", created, "models/llama"),) if there else ()
        self.look()

    @rule(seconds=st.sampled_from([1.0, 60.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.world.later(seconds)

    @invariant()
    def nothing_that_is_mounted_is_removed(self) -> None:
        world = self.world
        for path in world.users.get("shards", ()):
            assert path.rpartition("/")[2] not in world.removed
        world.removed.clear()

    @invariant()
    def at_most_one_job_lives(self) -> None:
        assert len(self.world.live()) <= 1

    @invariant()
    def conditions_obey_the_table(self) -> None:
        shown = {one.type: one for one in self.world.status.conditions}
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
        assert all(one.observed_generation == self.world.status.observed_generation for one in shown.values())
        assert self.world.status.observed_generation <= self.world.generation
        assert {"VolumeReady", "SourceReady", "ShardsComplete", "MetadataComplete", "Verified"} <= shown.keys()

    @invariant()
    def ready_is_never_a_lie(self) -> None:
        world, ready = self.world, self.world.status.condition("Ready")
        if ready is None or ready.status != "True" or world.status.observed_generation != world.generation:
            return
        artifact, shards = world.status.artifact, world.claims["shards"]
        assert artifact is not None
        assert world.status.serving is not None
        if shards and artifact.claim_uid == shards.uid:
            assert artifact.key in world.published
            assert satisfies(world.levels[artifact.key], world.spec.get("verification", "Load"))
            assert artifact.tensor_parallel_size == world.spec["engine"]["tensorParallelSize"]

    def can_run(self) -> bool:
        """Whether there is a Job whose pod may end."""
        live = self.world.live()
        return bool(live) and not live[0].suspended and not live[0].deleting and bool(self.world.claims["shards"])

    def teardown(self) -> None:
        """From any state: with claims, no suspension and Jobs that go well, it becomes Ready and then quiet.

        Losing the status then changes nothing of that.
        """
        world = self.world
        world.step()
        world.bury()
        self.claims_that_nothing_holds_go()
        assert not any(there and there.deleting for there in world.claims.values()) or world.live()
        for name, there in world.claims.items():
            if there is None or there.deleting:
                world.claims[name] = claim(name, uid=f"uid-{name}-again")
                world.published.clear()
        world.users.clear()
        world.neighbors = ()
        world.edit(suspend=False, job={}, recheck=None)
        world.requested_at = "the end"
        self.come_to_rest()
        conditions, artifact = _without_times(world.status)
        world.status = Status()
        created = len(world.created)
        self.come_to_rest()
        assert (conditions, artifact) == _without_times(world.status)
        assert not any("-shard-" in name for name in world.created[created:])

    def come_to_rest(self) -> None:
        """All goes well until nothing happens any more."""
        world = self.world
        for _ in range(12):
            plan = world.settle()
            if world.live():
                job = self.job()
                world.jobs[job.name] = replace(job, suspended=False)
                world.succeed()
            elif plan.requeue_after:
                world.later(plan.requeue_after)
            else:
                break
        assert world.ready() == ("True", "Succeeded"), world.message()
        plan = world.plan()
        assert not plan.actions
        assert plan.status == world.status


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
