"""Plans carried out on a real API server: nothing twice, nothing foreign touched, and a status that is wholly ours."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shardwright_operator.api.maintenance_status import Maintenance
from shardwright_operator.api.spec import ClaimTemplate
from shardwright_operator.api.status import Condition, Durations, JobStatus, ProgressStatus, Status
from shardwright_operator.decide import decide
from shardwright_operator.decide.observed import Config, Pod
from shardwright_operator.decide.plan import CreateClaim, CreateJob, DeleteJob, Plan, SuspendJob
from shardwright_operator.kube import convert
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import Conflict, Invalid
from shardwright_operator.kube.event_recorder import EventRecorder
from shardwright_operator.kube.executor import Executor
from shardwright_operator.kube.kinds import CHECKPOINTS, JOBS
from shardwright_operator.kube.notes import NotesStore
from shardwright_operator.kube.observer import Observation, Observer
from shardwright_operator.manifests.job import build_job
from shardwright_operator.runtime.controller import Controller
from shardwright_operator.runtime.metrics import Metrics
from shardwright_operator.runtime.queue import WorkQueue
from shardwright_operator.runtime.resource_metrics import ResourceMetrics
from tools.cluster.api import wait_until
from tools.testing.namespace import Namespace

CONFIG = Config("engine:test", "prepare:test")


class Replica:
    """The part of an operator between decision and API server, with a cache that only the test fills."""

    def __init__(self, client: Client, namespace: Namespace) -> None:
        self.client, self.namespace = client, namespace
        self.cache, self.memory = Cache(), NotesStore()
        self.observer = Observer(client, self.cache, self.memory, CONFIG)
        self.executor = Executor(client, self.cache, self.memory, self.observer, EventRecorder(client))

    def see(self, name: str = "model") -> None:
        """A watch tells of the resource as it is now."""
        self.cache.put(CHECKPOINTS, convert.resource(self.namespace.read(name)))

    async def look(self, name: str = "model") -> Observation:
        sight = await self.observer.observe(Key(self.namespace.name, name))
        assert sight is not None
        return sight

    async def step(self, name: str = "model") -> Plan:
        """One round: look, decide, act."""
        sight = await self.look(name)
        plan = decide(datetime.now(UTC), CONFIG, sight.observed)
        await self.executor.execute(sight, plan)
        return plan


@pytest.fixture
def replica(client: Client, namespace: Namespace) -> Replica:
    namespace.create("model")
    replica = Replica(client, namespace)
    replica.see()
    return replica


def condition(kind: str, status: Any = "True", reason: str = "Progressing") -> Condition:
    moment = datetime.now(UTC).replace(microsecond=0)
    return Condition(type=kind, status=status, reason=reason, message="m", last_transition_time=moment)


async def test_the_attempt_is_on_record_before_its_job_exists(replica: Replica, namespace: Namespace) -> None:
    await replica.step()
    recorded = namespace.read("model")["status"]["job"]
    assert recorded["attempt"] == 1
    assert not namespace.jobs("model")
    await replica.step()
    assert [job["metadata"]["name"] for job in namespace.jobs("model")] == [recorded["name"]]
    await replica.step()
    assert len(namespace.jobs("model")) == 1


async def test_what_is_on_record_is_done_before_others_get_their_turn(replica: Replica, namespace: Namespace) -> None:
    queue, metrics, ours = WorkQueue[Key](), Metrics(), Key(namespace.name, "model")
    workers = Controller(queue, replica.observer, decide, replica.executor, CONFIG, metrics, ResourceMetrics(metrics))
    queue.add(ours)
    assert (await queue.get())[0] == ours
    queue.add(Key(namespace.name, "waits"))
    await workers.reconcile(ours)
    queue.done(ours)
    assert (await queue.get())[0] == ours


async def test_a_condition_that_is_left_out_goes_away(replica: Replica, namespace: Namespace) -> None:
    sight = await replica.look()
    first = Status(observed_generation=1, conditions=[condition("Ready"), condition("Reconciling")])
    await replica.executor.execute(sight, Plan(first))
    second = Status(observed_generation=1, conditions=[condition("Ready")])
    await replica.executor.execute(await replica.look(), Plan(second))
    assert [one["type"] for one in namespace.read("model")["status"]["conditions"]] == ["Ready"]


async def test_an_unchanged_status_is_not_written(replica: Replica, namespace: Namespace) -> None:
    status = Status(observed_generation=1, conditions=[condition("Ready")])
    assert (await replica.executor.execute(await replica.look(), Plan(status))).wrote_status
    version = namespace.read("model")["metadata"]["resourceVersion"]
    assert not (await replica.executor.execute(await replica.look(), Plan(status))).wrote_status
    assert namespace.read("model")["metadata"]["resourceVersion"] == version


async def test_a_stale_view_writes_no_status_and_looks_again(replica: Replica, namespace: Namespace) -> None:
    stale = await replica.look()
    namespace.change("model", verification="Digests")
    with pytest.raises(Conflict):
        await replica.executor.execute(stale, Plan(Status(observed_generation=1)))
    assert (await replica.look()).observed.resource.generation == 2, "no watch told; the doubt made it look"


async def test_a_resource_of_the_same_name_does_not_get_the_earlier_ones_status(
    replica: Replica, namespace: Namespace
) -> None:
    stale = await replica.look()
    namespace.delete("shardedcheckpoints", "model")
    namespace.create("model")
    with pytest.raises(Conflict):
        await replica.executor.execute(stale, Plan(Status(observed_generation=7)))
    assert namespace.read("model")["status"] == {"observedGeneration": -1}


async def test_two_leaders_at_once_make_one_job(client: Client, namespace: Namespace, replica: Replica) -> None:
    other = Replica(client, namespace)
    other.see()
    for _ in range(4):
        await asyncio.gather(replica.step(), other.step(), return_exceptions=True)
    assert len(namespace.jobs("model")) == 1
    assert namespace.read("model")["status"]["attempt"] == 1


async def test_a_job_of_ours_that_no_watch_told_of_is_adopted(
    client: Client, namespace: Namespace, replica: Replica
) -> None:
    await replica.step()
    other = Replica(client, namespace)
    other.see()
    await other.step()
    await replica.step()
    sight = await replica.look()
    assert [job.owned for job in sight.observed.jobs] == [True]
    assert len(namespace.jobs("model")) == 1


async def test_create_answered_by_a_conflict_adopts(replica: Replica, client: Client, namespace: Namespace) -> None:
    await replica.step()
    before = await replica.look()
    plan = decide(datetime.now(UTC), CONFIG, before.observed)
    (action,) = plan.actions
    assert isinstance(action, CreateJob)
    await client.create(JOBS, namespace.name, build_job(action.request))  # the answer to our own first try was lost
    done = await replica.executor.execute(before, plan)
    assert not done.rejected
    assert [job.owned for job in (await replica.look()).observed.jobs] == [True]


async def test_a_resource_that_went_unnoticed_gets_no_job(replica: Replica, namespace: Namespace) -> None:
    await replica.step()
    namespace.delete("shardedcheckpoints", "model")
    with pytest.raises(Conflict):
        await replica.step()
    assert not namespace.jobs("model")
    assert await replica.observer.observe(Key(namespace.name, "model")) is None


async def test_a_resource_that_changed_unnoticed_gets_no_job(replica: Replica, namespace: Namespace) -> None:
    await replica.step()
    namespace.change("model", engine={"dtype": "float16"})
    with pytest.raises(Conflict):
        await replica.step()
    assert not namespace.jobs("model")


async def test_a_foreign_job_of_our_name_is_a_conflict_until_it_is_gone(
    replica: Replica, client: Client, namespace: Namespace
) -> None:
    await replica.step()
    name = namespace.read("model")["status"]["job"]["name"]
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    foreign = {"metadata": {"name": name}, "spec": {"template": {"spec": pod}}}
    created = await client.create(JOBS, namespace.name, foreign)
    await replica.step()
    plan = await replica.step()
    ready = plan.status.condition("Ready")
    assert ready is not None
    assert ready.reason == "NameConflict"
    assert len(namespace.objects("jobs")) == 1
    assert namespace.objects("jobs")[0]["metadata"]["uid"] == created["metadata"]["uid"]
    await client.delete(JOBS, namespace.name, name, created["metadata"]["uid"])
    await replica.step()
    assert [job["metadata"]["name"] for job in namespace.jobs("model")] == [name]


async def test_a_live_job_missing_in_the_cache_is_not_taken_for_vanished(client: Client, namespace: Namespace) -> None:
    namespace.create("model")
    first = Replica(client, namespace)
    first.see()
    for _ in range(3):
        await first.step()
    assert namespace.read("model")["status"]["job"].get("startedAt")
    blind = Replica(client, namespace)  # a cache that knows the resource and none of its Jobs
    blind.see()
    await blind.step()
    assert len(namespace.jobs("model")) == 1
    assert "lastFailure" not in namespace.read("model")["status"]


async def test_a_live_job_that_has_lost_its_label_is_still_ours(replica: Replica, namespace: Namespace) -> None:
    for _ in range(3):
        await replica.step()
    (job,) = namespace.jobs("model")
    key = Key(namespace.name, job["metadata"]["name"])
    body = {"metadata": {"labels": {"shardwright.io/checkpoint-uid": None}}}
    namespace.api.call("PATCH", namespace.path("jobs", key.name), body, "application/merge-patch+json")
    replica.cache.remove(JOBS, key, job["metadata"]["uid"])  # as a watch by label tells of it
    for _ in range(2):
        await replica.step()
    assert [one.owned for one in (await replica.look()).observed.jobs] == [True]
    assert len(namespace.jobs("model")) == 1
    assert "lastFailure" not in namespace.read("model")["status"]


async def test_a_refused_job_is_told_in_the_servers_words(replica: Replica, namespace: Namespace) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    path = namespace.path("resourcequotas", "none")
    namespace.api.call("POST", namespace.path("resourcequotas"), quota)
    wait_until(lambda: "hard" in namespace.api.call("GET", path).get("status", {}), "the quota being counted", 60)
    for _ in range(3):
        await replica.step()
    ready = Status.model_validate(namespace.read("model")["status"]).condition("Ready")
    assert ready is not None
    assert ready.reason == "PodNotCreated"
    assert "exceeded quota" in ready.message
    namespace.delete("resourcequotas", "none")
    for _ in range(2):
        await replica.step()
    assert len(namespace.jobs("model")) == 1
    assert (await replica.step()).status.condition("Ready").reason == "Progressing"  # type: ignore[union-attr]


async def test_only_the_job_that_was_meant_is_deleted(replica: Replica, namespace: Namespace) -> None:
    await replica.step()
    await replica.step()
    (job,) = namespace.jobs("model")
    name = job["metadata"]["name"]
    sight = await replica.look()
    wrong = Plan(sight.observed.resource.status, (DeleteJob(name, "11111111-1111-1111-1111-111111111111"),))
    await replica.executor.execute(sight, wrong)
    assert len(namespace.jobs("model")) == 1
    right = Plan(sight.observed.resource.status, (DeleteJob(name, job["metadata"]["uid"]),))
    await replica.executor.execute(sight, right)
    assert not (await replica.look()).observed.jobs


async def test_a_job_is_suspended_and_resumed(replica: Replica, namespace: Namespace) -> None:
    await replica.step()
    await replica.step()
    (job,) = namespace.jobs("model")
    for suspend in (True, False):
        sight = await replica.look()
        action = SuspendJob(job["metadata"]["name"], job["metadata"]["uid"], suspend)
        await replica.executor.execute(sight, Plan(sight.observed.resource.status, (action,)))
        assert namespace.jobs("model")[0]["spec"]["suspend"] is suspend


_ANOTHER_TYPE: dict[str, Any] = {"blocked_reason": ["b"]}
REFUSED: dict[str, dict[str, Any]] = {
    "too large to be a number": {"duration_seconds": Durations.model_construct(load=10**400)},
    "infinite": {"duration_seconds": Durations.model_construct(load=math.inf)},
    "not a number": {"duration_seconds": Durations.model_construct(load=math.nan)},
    "too many bytes": {"progress": ProgressStatus.model_construct(stage="Saving", bytes_done=10**30)},
    "of another type": {"maintenance": Maintenance.model_construct(**_ANOTHER_TYPE)},
    "too long": {"maintenance": Maintenance.model_construct(blocked_reason="b" * 8_000_000)},
}


def _forced(status: Status, update: dict[str, Any]) -> Status:
    """A status that its own types would not let come into being."""
    return Status.model_construct(**{**status.__dict__, **update})


@pytest.fixture(params=REFUSED)
def absurd(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A part of a status that no API server takes."""
    return REFUSED[request.param]


async def test_a_refused_status_makes_way_for_one_that_is_taken(
    replica: Replica, namespace: Namespace, absurd: dict[str, Any]
) -> None:
    await replica.step()
    await replica.step()
    (job,) = namespace.jobs("model")
    sight = await replica.look()
    done = await replica.executor.execute(sight, Plan(_forced(sight.observed.resource.status, absurd)))
    assert done.wrote_status
    status = namespace.read("model")["status"]
    assert (status["job"]["name"], status["attempt"]) == (job["metadata"]["name"], 1)
    assert "lastFailure" not in status, "the Job has not ended"


async def test_an_attempt_whose_report_leads_to_a_refused_status_counts(
    replica: Replica, namespace: Namespace, absurd: dict[str, Any]
) -> None:
    await replica.step()
    await replica.step()
    sight = await replica.look()
    (job,) = sight.observed.jobs
    now = datetime.now(UTC)
    pod = Pod("p", "u", job.name, "Succeeded", now, exit_code=0, termination_message="{}")
    ended = replace(sight.observed, jobs=(replace(job, complete=True, finished_at=now),), pods=(pod,))
    success = _forced(ended.resource.status, {"job": None, **absurd})
    await replica.executor.execute(Observation(ended), Plan(success))
    status = namespace.read("model")["status"]
    assert status["attempt"] == 1
    assert "job" not in status
    assert status["retry"]["failures"] == 1
    assert status["lastFailure"]["reason"] == "WorkerProtocolError"
    assert "the API server refuses what its report leads to" in status["lastFailure"]["message"]
    assert len(status["lastFailure"]["message"]) < 1000


async def test_where_all_is_refused_the_job_and_the_count_stay(replica: Replica, namespace: Namespace) -> None:
    for _ in range(3):
        await replica.step()
    sight = await replica.look()
    before = sight.observed.resource.status
    assert before.job is not None
    absurd = REFUSED["infinite"]
    resource = replace(sight.observed.resource, status=_forced(before, absurd))
    plan = Plan(_forced(before, {**absurd, "conditions": []}))
    with pytest.raises(Invalid):  # so that it is not tried again at once
        await replica.executor.execute(Observation(replace(sight.observed, resource=resource)), plan)
    status = Status.model_validate(namespace.read("model")["status"])
    ready = status.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", "WorkerProtocolError")
    assert "The API server refuses the status: " in ready.message
    assert (status.attempt, status.job and status.job.name) == (before.attempt, before.job.name)
    assert len(namespace.jobs("model")) == 1


async def test_a_claim_that_exists_is_looked_at_and_not_replaced(replica: Replica, namespace: Namespace) -> None:
    before = namespace.api.call("GET", namespace.path("persistentvolumeclaims", "shards"))
    sight = await replica.look()
    resource = sight.observed.resource
    template = ClaimTemplate(size="2Gi")
    action = CreateClaim(resource.namespace, resource.name, resource.uid, "shards", template, owned=False)
    await replica.executor.execute(sight, Plan(resource.status, (action,)))
    claim = (await replica.look()).observed.claims["shards"]
    assert claim is not None
    assert (claim.uid, claim.owners) == (before["metadata"]["uid"], ())


async def test_a_resource_that_is_gone_is_seen_as_gone(replica: Replica, namespace: Namespace) -> None:
    key = Key(namespace.name, "model")
    namespace.delete("shardedcheckpoints", "model")
    replica.memory.of(key).doubtful = True
    assert await replica.observer.observe(key) is None
    assert replica.cache.resources.get(key) is None


async def test_a_status_wiped_by_somebody_grows_again(replica: Replica, namespace: Namespace) -> None:
    for _ in range(3):
        await replica.step()
    path = f"{namespace.path('shardedcheckpoints', 'model')}/status"
    namespace.api.call("PATCH", path, {"status": None}, "application/merge-patch+json")
    replica.see()
    for _ in range(3):
        await replica.step()
    status = namespace.read("model")["status"]
    assert len(namespace.jobs("model")) == 1
    assert JobStatus.model_validate(status["job"]).attempt == 1
