"""Reads single objects live where the cache may be stale or incomplete, and a decision on it would be expensive.

object                                 when it is read from the API server
the resource                           after a write with an unclear outcome: it may have taken effect
the resource                           right before one of its children is created: it may be gone or changed
a Job that status has on record        if it is not in the cache: absence must be certain before it is a failure
a foreign Job with a name of ours      each time: no watch reports it
a claim that the spec names            if it is not in the cache: it may be older than the resource
the pods of a finished Job             once, if none has ended: its report may only be late
a Job that is to be created            never: 409 says that it exists, and then it is read
"""

from dataclasses import replace

from shardwright_operator.api.names import CHECKPOINT_UID
from shardwright_operator.decide.observed import Claim, Job, Resource
from shardwright_operator.kube.cache import Cache
from shardwright_operator.kube.cached_objects import AnyEntry, Key, ResourceEntry
from shardwright_operator.kube.client import Client
from shardwright_operator.kube.errors import Conflict, NotFound, Unavailable
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind
from shardwright_operator.kube.notes import NotesStore


class LiveReads:
    """Reads through the cache: what is read is stored in it. A malformed object is an error, not an absence.

    Every method raises `ApiError` if a read fails.
    """

    def __init__(self, client: Client, cache: Cache, notes: NotesStore) -> None:
        self._client, self._cache, self._notes = client, cache, notes

    async def resource(self, key: Key) -> ResourceEntry | None:
        """Return the cached resource, read again first if it may be stale; None if it is gone."""
        if self._notes.must_reread(key):
            try:
                entry = await self._read(CHECKPOINTS, key)
            except NotFound:
                if known := self._cache.resources.get(key):
                    self._cache.remove(CHECKPOINTS, key, known.uid)
                return None
            self._cache.put(CHECKPOINTS, entry)
            self._notes.of(key).must_reread = False
        return self._cache.resources.get(key)

    async def confirm_unchanged(self, resource: Resource) -> None:
        """Read the resource again, right before something is created for it.

        Raises:
            Conflict: it is gone or has another version.
        """
        key = Key(resource.namespace, resource.name)
        self._notes.of(key).must_reread = True
        entry = await self.resource(key)
        if entry is None or (entry.uid, str(entry.version)) != (resource.uid, resource.resource_version):
            raise Conflict(409, "Stale", "it has changed meanwhile, or is gone", f"reconcile {key}")

    async def job(self, resource: Resource, name: str) -> Job | None:
        """Return the Job of this name, None if there is none. Ours is cached, a foreign one is noted."""
        key = Key(resource.namespace, name)
        notes = self._notes.of(Key(resource.namespace, resource.name))
        notes.foreign_jobs.pop(name, None)
        try:
            entry = await self._read(JOBS, key)
        except NotFound:
            if known := self._cache.jobs.get(key):
                self._cache.remove(JOBS, key, known.uid)
            return None
        assert isinstance(entry.value, Job)
        notes.rejected.pop(name, None)
        job = replace(entry.value, owned=entry.owner == resource.uid)
        # Without the label no watch would report the Job's end, and it would stay in the cache forever.
        if job.owned and CHECKPOINT_UID in job.labels:
            self._cache.put(JOBS, entry)
        cached = self._cache.jobs.by_owner(key.namespace, resource.uid).get(key)
        if cached is None or cached.uid != job.uid:
            notes.foreign_jobs[name] = job
        return job

    async def claim(self, key: Key) -> Claim | None:
        """Return the cached claim, or the one on the API server, None if there is none."""
        if self._cache.claims.get(key) is None:
            try:
                self._cache.put(CLAIMS, await self._read(CLAIMS, key))
            except NotFound:
                pass
        known = self._cache.claims.get(key)
        return known.value if known else None

    async def pods_of_job(self, namespace: str, job: str) -> None:
        """Store every pod of this Job in the cache."""
        for raw in await self._client.list(PODS, namespace, labels=f"batch.kubernetes.io/job-name={job}"):
            if entry := self._cache.read(PODS, raw):
                self._cache.put(PODS, entry)

    async def _read(self, kind: Kind, key: Key) -> AnyEntry:
        raw = await self._client.get(kind, key.namespace, key.name)
        entry = self._cache.read(kind, raw)
        if entry is None or entry.key != key:
            raise Unavailable(200, "Malformed", "the object in the response is malformed", f"get {kind.plural} {key}")
        return entry
