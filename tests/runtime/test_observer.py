"""Observing on a real API server: what the cache does not have is read live before it counts as absent."""

from __future__ import annotations

from shardwright_operator.api.status import JobStatus
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.convert.checkpoint import convert_checkpoint
from shardwright_operator.kube.kinds import CHECKPOINTS, JOBS
from shardwright_operator.kube.notes import NotesStore
from shardwright_operator.kube.observer import Observer
from tests.runtime.replica import CONFIG, Replica
from tools.testing.checkpoints import manifest
from tools.testing.namespace import Namespace


async def test_an_own_job_that_is_not_in_the_cache_is_adopted(
    client: Client, namespace: Namespace, replica: Replica
) -> None:
    await replica.reconcile()
    other = Replica(client, namespace)
    other.sync()
    await other.reconcile()
    await replica.reconcile()
    observed = await replica.observe()
    assert [job.owned for job in observed.jobs] == [True]
    assert len(namespace.jobs("model")) == 1


async def test_a_recorded_job_that_is_not_in_the_cache_is_read_live(client: Client, namespace: Namespace) -> None:
    namespace.create("model")
    first = Replica(client, namespace)
    first.sync()
    for _ in range(3):
        await first.reconcile()
    assert namespace.read("model")["status"]["job"].get("startedAt")
    restarted = Replica(client, namespace)  # its cache has the resource and none of its Jobs
    restarted.sync()
    await restarted.reconcile()
    assert len(namespace.jobs("model")) == 1
    assert "lastFailure" not in namespace.read("model")["status"]


async def test_a_job_that_has_lost_its_label_still_belongs_to_its_resource(
    replica: Replica, namespace: Namespace
) -> None:
    for _ in range(3):
        await replica.reconcile()
    (job,) = namespace.jobs("model")
    key = Key(namespace.name, job["metadata"]["name"])
    body = {"metadata": {"labels": {"shardwright.io/checkpoint-uid": None}}}
    namespace.api.call("PATCH", namespace.path("jobs", key.name), body, "application/merge-patch+json")
    replica.cache.remove(JOBS, key, job["metadata"]["uid"])  # as a watch by label reports it
    for _ in range(2):
        await replica.reconcile()
    assert [one.owned for one in (await replica.observe()).jobs] == [True]
    assert len(namespace.jobs("model")) == 1
    assert "lastFailure" not in namespace.read("model")["status"]


async def test_a_deleted_resource_is_removed_from_the_cache(replica: Replica, namespace: Namespace) -> None:
    key = Key(namespace.name, "model")
    namespace.delete("shardedcheckpoints", "model")
    replica.notes.of(key).must_reread = True
    assert await replica.observer.observe(key) is None
    assert replica.cache.resources.get(key) is None


async def test_a_status_that_was_removed_is_rebuilt(replica: Replica, namespace: Namespace) -> None:
    for _ in range(3):
        await replica.reconcile()
    path = f"{namespace.path('shardedcheckpoints', 'model')}/status"
    namespace.api.call("PATCH", path, {"status": None}, "application/merge-patch+json")
    replica.sync()
    for _ in range(3):
        await replica.reconcile()
    status = namespace.read("model")["status"]
    assert len(namespace.jobs("model")) == 1
    assert JobStatus.model_validate(status["job"]).attempt == 1


async def test_a_foreign_job_of_the_same_name_is_a_conflict_until_it_is_deleted(
    replica: Replica, client: Client, namespace: Namespace
) -> None:
    await replica.reconcile()
    name = namespace.read("model")["status"]["job"]["name"]
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    foreign = {"metadata": {"name": name}, "spec": {"template": {"spec": pod}}}
    created = await client.create(JOBS, namespace.name, foreign)
    await replica.reconcile()
    plan = await replica.reconcile()
    ready = plan.status.condition("Ready")
    assert ready is not None
    assert ready.reason == "NameConflict"
    assert len(namespace.objects("jobs")) == 1
    assert namespace.objects("jobs")[0]["metadata"]["uid"] == created["metadata"]["uid"]
    await client.delete(JOBS, namespace.name, name, created["metadata"]["uid"])
    await replica.reconcile()
    assert [job["metadata"]["name"] for job in namespace.jobs("model")] == [name]


async def test_resources_with_overlapping_folders_are_neighbors(client: Client, namespace: Namespace) -> None:
    cache = Cache()
    paths = {"ours": "a/b", "same": "a//b/", "above": "a", "below": "a/b/c/d", "beside": "a/bc", "far": ""}
    for name, path in paths.items():
        output = {"persistentVolumeClaim": {"claimName": "shards"}, **({"path": path} if path else {})}
        raw = manifest(name, output=output)
        raw["metadata"] |= {"namespace": namespace.name, "uid": name, "resourceVersion": "1"}
        cache.put(CHECKPOINTS, convert_checkpoint(raw))
    observer = Observer(client, cache, NotesStore(), CONFIG)
    observation = await observer.observe(Key(namespace.name, "ours"))
    assert observation is not None
    assert {one.name for one in observation.observed.neighbors} == {"same", "above", "below"}
    assert observation.observed.claim_users is None
