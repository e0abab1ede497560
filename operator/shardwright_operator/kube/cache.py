"""The cache of the cluster: one store per kind, and the indexes that say which resources a change affects."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

from shardwright_operator.decide.observed import Claim, Job, Pod
from shardwright_operator.kube.cached_objects import AnyEntry, CachedCheckpoint, Entry, JobEntry, Key, PodEntry
from shardwright_operator.kube.convert import CONVERTERS
from shardwright_operator.kube.convert.malformed import MalformedObjectError
from shardwright_operator.kube.folder_index import FolderIndex
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind
from shardwright_operator.kube.store import Store

log = logging.getLogger(__name__)


class Cache:
    """Stores and indexes, in the operator's loop; `read` and `knows` may be called from any thread.

    An object belongs to a resource only by the reference to its controller, and only in the resource's own namespace.
    Objects that belong to no resource are not kept, except claims that a resource names. `on_malformed` is called for
    each object that cannot be read, in the thread that reads it.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, on_malformed: Callable[[Kind], None] = lambda _: None
    ) -> None:
        self.clock, self._on_malformed = clock, on_malformed
        self.resources: Store[CachedCheckpoint] = Store(clock)
        self.jobs: Store[Job] = Store(clock)
        self.pods: Store[Pod] = Store(clock)
        self.claims: Store[Claim] = Store(clock)
        self._resource_by_uid: dict[tuple[str, str], Key] = {}  # (namespace, uid)
        self._job_by_uid: dict[tuple[str, str], JobEntry] = {}
        self._resources_by_claim: defaultdict[Key, set[Key]] = defaultdict(set)  # of those that name it
        self._folders = FolderIndex()
        self._stores: dict[Kind, Store[Any]] = {
            CHECKPOINTS: self.resources,
            JOBS: self.jobs,
            PODS: self.pods,
            CLAIMS: self.claims,
        }

    def read(self, kind: Kind, raw: Mapping[str, Any]) -> AnyEntry | None:
        """Return the entry of an object, None if it is malformed, which is logged and counted."""
        try:
            return CONVERTERS[kind](raw)
        except MalformedObjectError as error:
            self.skip(error)
            return None

    def skip(self, error: MalformedObjectError) -> None:
        """Log and count a malformed object."""
        log.error("skipped: %s", error)
        self._on_malformed(error.kind)

    def knows(self, kind: Kind, key: Key, uid: str, version: int) -> bool:
        """Return whether this version of an object, or a newer one, is stored."""
        known = self._stores[kind].get(key)
        return known is not None and known.uid == uid and known.version >= version

    def put(self, kind: Kind, entry: AnyEntry) -> set[Key]:
        """Store a version of an object, and return the resources that it affects."""
        if not self._is_relevant(kind, entry):
            return set()
        before = self._stores[kind].get(entry.key)
        if not self._stores[kind].put(entry):
            return set()
        return self._reindex(kind, before, entry)

    def remove(self, kind: Kind, key: Key, uid: str) -> set[Key]:
        """Remove a deleted object, and return the resources that it affects."""
        removed = self._stores[kind].remove(key, uid)
        return self._reindex(kind, removed, None) if removed else set()

    def replace(
        self, kind: Kind, listed: Collection[AnyEntry], started: float, namespaces: Collection[str]
    ) -> set[Key]:
        """Make the stored objects of these namespaces (none: all) equal to a list, and return the affected resources.

        `started` is the time before the list's first page was requested, by `clock`.
        """
        listed = [entry for entry in listed if self._is_relevant(kind, entry)]
        store, affected = self._stores[kind], set()
        before = {entry.key: store.get(entry.key) for entry in listed}
        for entry in store.replace(listed, started, lambda key: not namespaces or key.namespace in namespaces):
            now = store.get(entry.key)
            affected |= self._reindex(kind, before.get(entry.key, entry), now)
        return affected

    def resources_with(self, claim: Key) -> list[Entry[CachedCheckpoint]]:
        """Return the resources that name this claim."""
        known = (self.resources.get(key) for key in self._resources_by_claim.get(claim, ()))
        return [entry for entry in known if entry is not None]

    def overlapping(self, entry: Entry[CachedCheckpoint]) -> list[Entry[CachedCheckpoint]]:
        """Return the other resources whose output folder is this one's, above it or below it."""
        known = (self.resources.get(key) for key in self._folders.overlapping(entry.key, *entry.value.folder))
        return [one for one in known if one is not None]

    def pods_of(self, namespace: str, job_uid: str) -> list[PodEntry]:
        """Return the pods that the Job with this uid controls."""
        return list(self.pods.by_owner(namespace, job_uid).values())

    def size(self) -> dict[str, int]:
        """Return the number of stored objects by the plural of their kind."""
        return {kind.plural: len(store) for kind, store in self._stores.items()}

    def _is_relevant(self, kind: Kind, entry: AnyEntry) -> bool:
        """Return whether an object belongs to a resource, is a claim that one names, or replaces a stored version."""
        named = kind is CLAIMS and bool(self._resources_by_claim.get(entry.key))
        return bool(entry.owner) or named or self._stores[kind].get(entry.key) is not None

    def _reindex(self, kind: Kind, before: AnyEntry | None, after: AnyEntry | None) -> set[Key]:
        """Update the indexes after a change, and return the resources that it affects."""
        changed = after or before
        if changed is None:
            return set()
        if kind is CHECKPOINTS:
            self._index_resource(before, after)
            return {changed.key}
        if kind is JOBS:
            self._index_job(before, after)
        # Both: an object that has lost its controller, or got another one, affects the old one too.
        owners = (self._resource_of(kind, one) for one in (before, after) if one is not None)
        affected = {owner for owner in owners if owner is not None}
        return affected | self._resources_by_claim.get(changed.key, set()) if kind is CLAIMS else affected

    def _resource_of(self, kind: Kind, entry: AnyEntry) -> Key | None:
        """Return the resource to which an object belongs; a pod belongs to its Job's, if that Job is stored."""
        namespace, owner = entry.key.namespace, entry.owner
        if kind is PODS:
            job = self._job_by_uid.get((namespace, owner))
            owner = job.owner if job else ""
        return self._resource_by_uid.get((namespace, owner))

    def _index_job(self, before: AnyEntry | None, after: AnyEntry | None) -> None:
        if before is not None:
            self._job_by_uid.pop((before.key.namespace, before.uid), None)
        if after is not None:
            assert isinstance(after.value, Job)
            self._job_by_uid[after.key.namespace, after.uid] = after

    def _index_resource(self, before: AnyEntry | None, after: AnyEntry | None) -> None:
        if before is not None:
            assert isinstance(before.value, CachedCheckpoint)
            self._resource_by_uid.pop((before.key.namespace, before.uid), None)
            self._folders.remove(before.key, *before.value.folder)
            for name in before.value.claims:
                self._forget_claim(Key(before.key.namespace, name), before.key)
        if after is not None:
            assert isinstance(after.value, CachedCheckpoint)
            self._resource_by_uid[after.key.namespace, after.uid] = after.key
            self._folders.add(after.key, *after.value.folder)
            for name in after.value.claims:
                self._resources_by_claim[Key(after.key.namespace, name)].add(after.key)

    def _forget_claim(self, claim: Key, resource: Key) -> None:
        self._resources_by_claim[claim].discard(resource)
        if not self._resources_by_claim[claim]:
            del self._resources_by_claim[claim]
