"""Whatever users, Jobs, pods, caches and time do to a resource, some things always hold, and in the end it settles."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from shardwright_operator.api.status import Status
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.verification_levels import satisfies
from tests.property.disturbances import Disturbances
from tools.testing.fake_objects import claim


class AnyHistory(Disturbances):
    """What must hold after each step, and in the end."""

    @invariant()
    def nothing_that_is_mounted_is_removed(self) -> None:
        namespace = self.namespace
        for path in namespace.users.get("shards", ()):
            assert path.rpartition("/")[2] not in namespace.worker.removed
        namespace.worker.removed.clear()

    @invariant()
    def at_most_one_job_is_live(self) -> None:
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
    def ready_is_always_true_of_the_volume(self) -> None:
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

    def teardown(self) -> None:
        """From any state: with claims, no suspension and Jobs that succeed, it becomes Ready and then settles.

        Losing the status then changes nothing of that.
        """
        namespace = self.namespace
        namespace.step()
        namespace.finish_deletions()
        self.deleted_claims_that_nothing_holds_are_gone()
        assert not any(there and there.deleting for there in namespace.claims.values()) or namespace.live_jobs()
        for name, there in namespace.claims.items():
            if there is None or there.deleting:
                namespace.claims[name] = claim(name, uid=f"uid-{name}-again")
                namespace.worker.published.clear()
        namespace.users.clear()
        namespace.neighbors = ()
        namespace.edit(suspend=False, job={}, recheck=None)
        namespace.requested_at = "the end"
        self.run_until_settled()
        conditions, artifact = _without_times(namespace.status)
        namespace.status = Status()
        created = len(namespace.created)
        self.run_until_settled()
        assert (conditions, artifact) == _without_times(namespace.status)
        assert not any("-shard-" in name for name in namespace.created[created:])

    def run_until_settled(self) -> None:
        """Let Jobs succeed until nothing happens any more."""
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


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(
    max_examples=200,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
