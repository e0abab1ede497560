"""Gathers the observed state of one resource for a decision, from the cache and from live reads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shardwright_operator.decide.observed import Claim, Config, Job, Neighbor, Observed, Pod, Resource
from shardwright_operator.decide.pruning import wants_claim_users
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import Key, ResourceEntry
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.live_reads import LiveReads
from shardwright_operator.kube.mounts import list_mounted_folders
from shardwright_operator.kube.notes import Notes, NotesStore
from shardwright_operator.kube.observed_resource import is_settled, parse_resource
from shardwright_operator.kube.pod_progress import read_pod_progress
from shardwright_operator.kube.waiting import find_waiting, read_warnings


@dataclass(frozen=True, slots=True)
class Observation:
    """What was observed, and after how many seconds more may be observed without any event."""

    observed: Observed
    recheck_after: float | None = None


class Observer:
    """Turns a key into an `Observation`. Which object belongs to which resource is decided by its controller alone."""

    def __init__(self, client: Client, cache: Cache, notes: NotesStore, config: Config) -> None:
        self._client, self._cache, self._notes, self._config = client, cache, notes, config
        self._live = LiveReads(client, cache, notes)

    async def observe(self, key: Key) -> Observation | None:
        """Return the observed state of this resource, None if it is gone.

        Raises:
            ApiError: a live read failed on which the decision depends.
        """
        entry = await self._live.resource(key)
        if entry is None:
            self._notes.forget(key)
            return None
        resource = parse_resource(entry)
        if resource.deleting:
            return Observation(Observed(resource))
        settled = is_settled(resource)
        if settled:
            self._notes.forget(key)
        notes = self._notes.of(key) if not settled else Notes()
        jobs = await self._jobs(resource, notes, settled)
        pods = await self._pods(resource, jobs, notes, settled)
        claims = await self._claims(entry)
        clock, waiting = self._cache.clock(), find_waiting(jobs, pods, claims)
        interval = self._config.progress_interval
        pauses = [
            await read_warnings(self._client, key.namespace, notes, waiting, clock, self._cache.skip),
            await read_pod_progress(self._client, key.namespace, notes, pods, clock, interval),
        ]
        observed = Observed(
            resource=resource,
            jobs=jobs,
            pods=pods,
            claims=claims,
            warnings=(*notes.warnings, *notes.rejected.values()),
            progress=dict(notes.progress),
            claim_users=await self._claim_users(resource) if wants_claim_users(resource) else None,
            neighbors=self._neighbors(entry),
            named_by=self._named_by(resource, claims),
        )
        return Observation(observed, min((one for one in pauses if one is not None), default=None))

    async def _jobs(self, resource: Resource, notes: Notes, settled: bool) -> tuple[Job, ...]:
        """Return the Jobs that this resource controls, and foreign ones that have a name it needs."""
        for name in self._names_to_confirm(resource, notes, settled):
            await self._live.job(resource, name)
        entries = self._cache.jobs.by_owner(resource.namespace, resource.uid).values()
        ours = [replace(entry.value, owned=True) for entry in entries]
        return tuple(sorted([*ours, *notes.foreign_jobs.values()], key=lambda one: (one.created_at, one.name)))

    def _names_to_confirm(self, resource: Resource, notes: Notes, settled: bool) -> set[str]:
        job, ours = resource.status.job, self._cache.jobs.by_owner(resource.namespace, resource.uid)
        missing = job and job.started_at and not settled and Key(resource.namespace, job.name) not in ours
        return {*notes.foreign_jobs, job.name} if job and missing else set(notes.foreign_jobs)

    async def _pods(self, resource: Resource, jobs: tuple[Job, ...], notes: Notes, settled: bool) -> tuple[Pod, ...]:
        """Return the pods that these Jobs control."""
        ours = [job for job in jobs if job.owned]
        for job in ours:
            unexplained = job.finished and not settled and job.uid not in notes.jobs_without_pods
            if unexplained and not any(pod.exit_code is not None for pod in self._pods_of(resource, job)):
                await self._live.pods_of_job(resource.namespace, job.name)
                notes.jobs_without_pods.add(job.uid)
        pods = [pod for job in ours for pod in self._pods_of(resource, job)]
        return tuple(sorted(pods, key=lambda pod: (pod.created_at, pod.name)))

    def _pods_of(self, resource: Resource, job: Job) -> list[Pod]:
        # By uid: the name in an owner reference may be any.
        return [replace(entry.value, job_name=job.name) for entry in self._cache.pods_of(resource.namespace, job.uid)]

    async def _claims(self, entry: ResourceEntry) -> dict[str, Claim | None]:
        return {name: await self._live.claim(Key(entry.key.namespace, name)) for name in entry.value.claims}

    async def _claim_users(self, resource: Resource) -> Mapping[str, tuple[str, ...]] | None:
        """Return what pods mount. Workers mount the whole volume and read no artifact of others: they do not count."""
        workers = {one.uid for one in self._cache.jobs if one.key.namespace == resource.namespace and one.owner}
        return await list_mounted_folders(self._client, resource.namespace, workers)

    def _neighbors(self, entry: ResourceEntry) -> tuple[Neighbor, ...]:
        found = (
            Neighbor(one.key.name, one.uid, one.value.created_at, one.value.folder[1])
            for one in self._cache.overlapping(entry)
        )
        return tuple(sorted(found, key=lambda one: (one.created_at, one.uid)))

    def _named_by(self, resource: Resource, claims: Mapping[str, Claim | None]) -> tuple[str, ...]:
        """Return the other resources that name an output claim which is still to be created."""
        spec = resource.spec
        if spec is None or spec.output.persistent_volume_claim.create is None:
            return ()
        name = spec.output.persistent_volume_claim.claim_name
        if claims.get(name) is not None:
            return ()
        named = self._cache.resources_with(Key(resource.namespace, name))
        return tuple(sorted(one.key.name for one in named if one.uid != resource.uid))
