"""Whatever users, Jobs, pods, caches and time do to a resource, some things always hold, and in the end it is quiet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shardwright_operator.api.status import Status
from shardwright_operator.decide import decide
from shardwright_operator.decide.plan import CreateJob
from shardwright_operator.decide.world import Observed
from shardwright_worker.contract.reasons import MEANINGS, Reason
from tests.harness.imagined import Imagined, claim

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
    {"job": {"maxAttempts": 2}},
    {"job": {"maxAttempts": 5, "nodeSelector": {"pool": "gpu"}}},
    {"job": {"queueName": "gpus"}},
    {"suspend": True},
    {"suspend": False},
    {"recheck": {"interval": "1h", "rebuild": True}},
    {"output": {"persistentVolumeClaim": {"claimName": "shards"}, "keep": 2}},
]


class AnyWorld(RuleBasedStateMachine):
    """The machine: rules are what may happen, invariants what must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Imagined()
        self.highest = 0
        self.seen: list[Observed] = []

    @rule()
    def look(self) -> None:
        """The operator does one round."""
        self.seen = [*self.seen[-4:], self.world.observed()]
        plan = self.world.step()
        assert plan.status.observed_generation == self.world.generation
        self.highest = max(self.highest, self.world.status.attempt)

    @rule(back=st.integers(0, 3))
    @precondition(lambda self: self.seen)
    def look_with_a_stale_cache(self, back: int) -> None:
        """Jobs and pods of a while ago, the status of now; the Job that status names is looked up live."""
        old = self.seen[max(-1 - back, -len(self.seen))]
        now = self.world.observed()
        known = {job.name for job in old.jobs} | ({now.resource.status.job.name} if now.resource.status.job else set())
        stale = {job.name: job for job in old.jobs}
        jobs = tuple(stale.get(job.name, job) for job in now.jobs if job.name in known)
        plan = decide(self.world.now, self.world.config, replace(now, jobs=jobs, pods=old.pods))
        for action in plan.actions:
            if isinstance(action, CreateJob):
                name = action.body["metadata"]["name"]
                assert name not in self.world.jobs or name in self.world.created

    @rule()
    @precondition(lambda self: self.world.live() and not self.world.live()[0].suspended)
    def succeed(self) -> None:
        """The Job ends well."""
        self.world.succeed()

    @rule(reason=WORKERS)
    @precondition(lambda self: self.world.live() and not self.world.live()[0].suspended)
    def fail(self, reason: Reason) -> None:
        """The worker reports a failure."""
        self.world.fail(reason)

    @rule(end=st.sampled_from(ENDS))
    @precondition(lambda self: self.world.live() and not self.world.live()[0].suspended)
    def die(self, end: tuple[int, tuple[str, str], dict[str, Any]]) -> None:
        """The pod dies without a word."""
        code, condition, facts = end
        self.world.die(code, condition, **facts)

    @rule()
    @precondition(lambda self: self.world.live())
    def start(self) -> None:
        """The pod starts; a queue may have let it go."""
        (job,) = self.world.live()
        self.world.jobs[job.name] = replace(job, suspended=False)
        self.world.running()

    @rule()
    @precondition(lambda self: self.world.jobs)
    def delete_a_job(self) -> None:
        """Somebody, or the TTL, deletes the newest Job."""
        self.world.vanish(list(self.world.jobs)[-1])

    @rule()
    @precondition(lambda self: self.world.pods)
    def lose_a_pod(self) -> None:
        """A pod goes, its Job has accounted for it."""
        name, pod = list(self.world.pods.items())[-1]
        if pod.exit_code is not None:
            del self.world.pods[name]

    @rule(edit=st.sampled_from(EDITS))
    def edit(self, edit: dict[str, Any]) -> None:
        """The user changes the spec."""
        self.world.edit(**edit)

    @rule(word=st.sampled_from(["a", "b"]))
    def request(self, word: str) -> None:
        """The user asks for another try."""
        self.world.requested_at = word

    @rule()
    def wipe_status(self) -> None:
        """The status is lost."""
        self.world.status = Status()

    @rule(uid=st.sampled_from(["uid-shards", "uid-other", ""]))
    def replace_claim(self, uid: str) -> None:
        """The claim goes, comes, or is another one, with nothing on it."""
        old = self.world.claims["shards"]
        self.world.claims["shards"] = claim("shards", uid=uid) if uid else None
        if old is None or old.uid != uid:
            self.world.published.clear()

    @rule(seconds=st.sampled_from([1.0, 60.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.world.later(seconds)

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
        if stalled:
            assert (ready.status, ready.reason) == ("False", stalled.reason)
        assert all(one.observed_generation <= self.world.generation for one in shown.values())
        assert {"VolumeReady", "SourceReady", "ShardsComplete", "MetadataComplete", "Verified"} <= shown.keys()

    @invariant()
    def ready_is_never_a_lie(self) -> None:
        status = self.world.status
        ready = status.condition("Ready")
        if ready and ready.status == "True" and status.observed_generation == self.world.generation:
            assert status.artifact is not None
            assert status.serving is not None

    def teardown(self) -> None:
        """From any state: with a claim, no suspension and Jobs that go well, it becomes Ready and then quiet."""
        world = self.world
        world.claims = {name: world.claims.get(name) or claim(name) for name in ("models", "shards")}
        world.edit(suspend=False, job={}, recheck=None)
        world.requested_at = "the end"
        for _ in range(12):
            world.settle()
            if not world.live():
                break
            (job,) = world.live()
            world.jobs[job.name] = replace(job, suspended=False)
            world.succeed()
        assert world.ready() == ("True", "Succeeded"), world.message()
        plan = world.plan()
        assert not plan.actions
        assert plan.status == world.status


TestAnyWorld = AnyWorld.TestCase
TestAnyWorld.settings = settings(
    max_examples=300,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
