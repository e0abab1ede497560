"""Gathers the world of one resource for a decision: from the cache, with live reads where a wrong answer is expensive.

what is missing in the cache           what is done about it
the resource, after a doubtful write   read live: our own write may have taken effect
the Job that status knows to exist     read live: absence must be certain before it is called a failure
the Job that is about to be created    not read: the resource is, right before, and 409 tells of the Job
a claim that the spec names            read live: it may be older than the resource
a finished Job's ended pod             list live, once: its report may only be late
a foreign Job under our name           read live each time: it is not watched

Whose an object is, its controller says and nothing else. What is read live and is odd is no answer: the look ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shardwright_operator.api.names import CHECKPOINT_UID
from shardwright_operator.decide.observed import Claim, Config, Job, Neighbor, Observed, Pod, Resource
from shardwright_operator.decide.pending import is_ours
from shardwright_operator.decide.pruning import wants_claim_users
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import AnyEntry, Key, ResourceEntry
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import Conflict, NotFound, Unavailable
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind
from shardwright_operator.kube.live_reads import read_progress_lines, read_warnings
from shardwright_operator.kube.mounts import read_claim_users
from shardwright_operator.kube.notes import Notes, NotesStore
from shardwright_operator.kube.observed_objects import is_settled, parse


@dataclass(frozen=True, slots=True)
class Observation:
    """What was observed, and when a look may show more without any event."""

    observed: Observed
    recheck_after: float | None = None


class Observer:
    """Turns a key into a `Observation`."""

    def __init__(
        self,
        client: Client,
        cache: Cache,
        memory: NotesStore,
        config: Config,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._cache, self._memory, self._now = client, cache, memory, now
        self.config = config

    async def observe(self, key: Key) -> Observation | None:
        """The world of this resource, None if it is gone."""
        entry = await self._resource(key)
        if entry is None:
            self._memory.forget(key)
            return None
        resource = parse(entry)
        if resource.deleting:
            return Observation(Observed(resource))
        settled = is_settled(resource)
        if settled:
            self._memory.forget(key)
        notes = self._memory.of(key) if not settled else Notes()
        jobs = await self._jobs(resource, notes, settled)
        pods = await self._pods(resource, jobs, notes, settled)
        claims = await self._claims(entry)
        clock = self._cache.clock()
        waiting = [*_waiting(jobs, pods), *_unbound(jobs, pods, claims)]
        pauses = [
            await read_warnings(self._client, key.namespace, notes, waiting, clock, self._cache.skip),
            await read_progress_lines(self._client, key.namespace, notes, pods, clock, self.config.progress_interval),
        ]
        observed = Observed(
            resource=resource,
            jobs=jobs,
            pods=pods,
            claims=claims,
            warnings=(*notes.warnings, *notes.refused.values()),
            progress=dict(notes.progress),
            claim_users=await self._claim_users(resource) if wants_claim_users(resource) else None,
            neighbors=self._neighbors(entry),
            named_by=self._named_by(resource, claims),
        )
        return Observation(observed, min((one for one in pauses if one is not None), default=None))

    async def confirm(self, resource: Resource) -> None:
        """Read the resource again: `Conflict` unless it is as it was seen. The next look sees it as it is."""
        key = Key(resource.namespace, resource.name)
        self._memory.of(key).doubtful = True
        entry = await self._resource(key)
        if entry is None or (entry.uid, str(entry.version)) != (resource.uid, resource.resource_version):
            raise Conflict(409, "Stale", "it changed meanwhile, or is gone", f"look at {key}")

    async def _resource(self, key: Key) -> ResourceEntry | None:
        if self._memory.doubts(key):
            try:
                entry = await self._read(CHECKPOINTS, key)
            except NotFound:
                if known := self._cache.resources.get(key):
                    self._cache.remove(CHECKPOINTS, key, known.uid)
                return None
            self._cache.put(CHECKPOINTS, entry)
            self._memory.of(key).doubtful = False
        return self._cache.resources.get(key)

    async def _read(self, kind: Kind, key: Key) -> AnyEntry:
        """An object as it is now."""
        raw = await self._client.get(kind, key.namespace, key.name)
        entry = self._cache.read(kind, raw)
        if entry is None or entry.key != key:
            raise Unavailable(200, "Unreadable", "the answer cannot be read", f"get {kind.plural} {key}")
        return entry

    async def _jobs(self, resource: Resource, notes: Notes, settled: bool) -> tuple[Job, ...]:
        for name in self._names_to_confirm(resource, notes, settled):
            await self.look_at_job(resource, name)
        entries = self._cache.jobs.of(resource.namespace, resource.uid).values()
        ours = [replace(entry.value, owned=True) for entry in entries]
        return tuple(sorted([*ours, *notes.foreign.values()], key=lambda one: (one.created_at, one.name)))

    def _names_to_confirm(self, resource: Resource, notes: Notes, settled: bool) -> set[str]:
        job, ours = resource.status.job, self._cache.jobs.of(resource.namespace, resource.uid)
        missed = job and job.started_at and not settled and Key(resource.namespace, job.name) not in ours
        return {*notes.foreign, job.name} if job and missed else set(notes.foreign)

    async def look_at_job(self, resource: Resource, name: str) -> Job | None:
        """The Job of this name as it is now; the cache takes ours, the notes what no watch tells of."""
        key = Key(resource.namespace, name)
        notes = self._memory.of(Key(resource.namespace, resource.name))
        notes.foreign.pop(name, None)
        try:
            entry = await self._read(JOBS, key)
        except NotFound:
            if known := self._cache.jobs.get(key):
                self._cache.remove(JOBS, key, known.uid)
            return None
        assert isinstance(entry.value, Job)
        notes.refused.pop(name, None)
        job = replace(entry.value, owned=entry.owner == resource.uid)
        if job.owned and CHECKPOINT_UID in job.labels:
            self._cache.put(JOBS, entry)
        kept = self._cache.jobs.of(key.namespace, resource.uid).get(key)
        if kept is None or kept.uid != job.uid:
            notes.foreign[name] = job
        return job

    async def _pods(self, resource: Resource, jobs: tuple[Job, ...], notes: Notes, settled: bool) -> tuple[Pod, ...]:
        """The pods that these Jobs control."""
        ours = [job for job in jobs if job.owned]
        for job in ours:
            unexplained = job.finished and not settled and job.uid not in notes.podless
            if unexplained and not any(pod.exit_code is not None for pod in self._pods_of(resource, job)):
                labels = f"batch.kubernetes.io/job-name={job.name}"
                for raw in await self._client.list(PODS, resource.namespace, labels=labels):
                    if entry := self._cache.read(PODS, raw):
                        self._cache.put(PODS, entry)
                notes.podless.add(job.uid)
        pods = [pod for job in ours for pod in self._pods_of(resource, job)]
        return tuple(sorted(pods, key=lambda pod: (pod.created_at, pod.name)))

    def _pods_of(self, resource: Resource, job: Job) -> list[Pod]:
        """The pods that this Job controls; the name of the Job in them is the Job's own, not what they say."""
        return [replace(entry.value, job_name=job.name) for entry in self._cache.pods_of(resource.namespace, job.uid)]

    async def _claim_users(self, resource: Resource) -> Mapping[str, tuple[str, ...]] | None:
        """What pods mount, live. Workers mount the whole volume and read nobody's artifact: they do not count."""
        workers = {one.uid for one in self._cache.jobs if one.key.namespace == resource.namespace and one.owner}
        return await read_claim_users(self._client, resource.namespace, workers)

    def _neighbors(self, entry: ResourceEntry) -> tuple[Neighbor, ...]:
        found = (
            Neighbor(one.key.name, one.uid, one.value.created_at, one.value.folder[1])
            for one in self._cache.overlapping(entry)
        )
        return tuple(sorted(found, key=lambda one: (one.created_at, one.uid)))

    def _named_by(self, resource: Resource, claims: Mapping[str, Claim | None]) -> tuple[str, ...]:
        spec = resource.spec
        if spec is None or spec.output.persistent_volume_claim.create is None:
            return ()
        name = spec.output.persistent_volume_claim.claim_name
        if claims.get(name) is not None:
            return ()
        named = self._cache.resources_with(Key(resource.namespace, name))
        return tuple(sorted(one.key.name for one in named if one.uid != resource.uid))

    async def _claims(self, entry: ResourceEntry) -> dict[str, Claim | None]:
        claims: dict[str, Claim | None] = {}
        for name in entry.value.claims:
            key = Key(entry.key.namespace, name)
            if self._cache.claims.get(key) is None:
                try:
                    self._cache.put(CLAIMS, await self._read(CLAIMS, key))
                except NotFound:
                    pass
            known = self._cache.claims.get(key)
            claims[name] = known.value if known else None
        return claims


def _unbound(jobs: tuple[Job, ...], pods: tuple[Pod, ...], claims: Mapping[str, Claim | None]) -> list[Claim]:
    """Claims that nothing has bound although a Job waits for them: the provisioner says why."""
    live = {job.name for job in jobs if job.owned and not (job.finished or job.suspended or job.deleting)}
    running = {pod.job_name for pod in pods if pod.phase == "Running"}
    return [claim for claim in claims.values() if claim and claim.phase == "Pending"] if live - running else []


def _waiting(jobs: tuple[Job, ...], pods: tuple[Pod, ...]) -> list[Job | Pod]:
    """Jobs without a pod, those that a queue holds included, and pods that do not start and do not say why."""
    live = {job.name: job for job in jobs if job.owned and not (job.finished or is_ours(job) or job.deleting)}
    housed = {pod.job_name for pod in pods if not pod.deleting}
    silent = [
        pod
        for pod in pods
        if pod.job_name in live
        and pod.phase == "Pending"
        and not pod.unscheduled
        and (pod.waiting is None or pod.waiting[0] in ("ContainerCreating", "PodInitializing"))
    ]
    return [*(job for name, job in live.items() if name not in housed), *silent]
