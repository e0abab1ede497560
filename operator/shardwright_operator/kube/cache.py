"""What the operator knows of the cluster: fed by watches, lists and own writes; tells which resources to look at."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

from shardwright_operator.decide.observed import Claim, Job, Pod
from shardwright_operator.kube.cached_objects import AnyEntry, Entry, JobEntry, Key, PodEntry, Stored
from shardwright_operator.kube.convert import CONVERT
from shardwright_operator.kube.folder_index import FolderIndex
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS, JOBS, PODS, Kind
from shardwright_operator.kube.malformed import MalformedObjectError
from shardwright_operator.kube.store import Store

log = logging.getLogger(__name__)


class Cache:
    """One store per kind, and the two questions across them: whose object is this, and who uses that claim.

    An object is a resource's only by the reference to its controller, and only in the resource's own namespace. What
    is nobody's is not kept. `on_malformed` hears of each object that cannot be read, from any thread.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, on_malformed: Callable[[Kind], None] = lambda _: None
    ) -> None:
        self.clock, self._on_odd = clock, on_malformed
        self.resources: Store[Stored] = Store(clock)
        self.jobs: Store[Job] = Store(clock)
        self.pods: Store[Pod] = Store(clock)
        self.claims: Store[Claim] = Store(clock)
        self._by_uid: dict[tuple[str, str], Key] = {}  # (namespace, uid) -> resource
        self._jobs_by_uid: dict[tuple[str, str], JobEntry] = {}
        self._folders = FolderIndex()
        self._users: defaultdict[Key, set[Key]] = defaultdict(set)  # claim -> resources that name it
        self._stores: dict[Kind, Store[Any]] = {
            CHECKPOINTS: self.resources,
            JOBS: self.jobs,
            PODS: self.pods,
            CLAIMS: self.claims,
        }

    def read(self, kind: Kind, raw: Mapping[str, Any]) -> AnyEntry | None:
        """What is to be kept of an object; None if it cannot be read, which is said once and counted. Thread-safe."""
        try:
            return CONVERT[kind](raw)
        except MalformedObjectError as error:
            self.skip(error)
            return None

    def skip(self, error: MalformedObjectError) -> None:
        """An object is left out because it cannot be read."""
        log.error("skipped: %s", error)
        self._on_odd(error.kind)

    def knows(self, kind: Kind, key: Key, uid: str, version: int) -> bool:
        """Whether this very version, or a newer one, is known. Any thread may ask."""
        known = self._stores[kind].get(key)
        return known is not None and known.uid == uid and known.version >= version

    def put(self, kind: Kind, entry: AnyEntry) -> set[Key]:
        """Take one version of an object; gives the resources that should be looked at because of it."""
        if not self._wanted(kind, entry):
            return set()
        before = self._stores[kind].get(entry.key)
        if not self._stores[kind].put(entry):
            return set()
        return self._note(kind, before, entry)

    def remove(self, kind: Kind, key: Key, uid: str) -> set[Key]:
        """Take away a deleted object; gives the resources that should be looked at because of it."""
        gone = self._stores[kind].remove(key, uid)
        return self._note(kind, gone, None) if gone else set()

    def reconcile(
        self, kind: Kind, listed: Collection[AnyEntry], started: float, namespaces: Collection[str]
    ) -> set[Key]:
        """Make the cache agree with a complete list of these namespaces (none: all); gives whom that concerns."""
        listed = [entry for entry in listed if self._wanted(kind, entry)]
        store, affected = self._stores[kind], set()
        before = {entry.key: store.get(entry.key) for entry in listed}
        for entry in store.reconcile(listed, started, lambda key: not namespaces or key.namespace in namespaces):
            now = store.get(entry.key)
            affected |= self._note(kind, before.get(entry.key, entry), now)
        return affected

    def claims_missing(self) -> list[Key]:
        """Claims that resources name and that are not known."""
        return [key for key, users in self._users.items() if users and self.claims.get(key) is None]

    def resources_with(self, claim: Key) -> list[Entry[Stored]]:
        """The resources that name this claim."""
        known = (self.resources.get(key) for key in self._users.get(claim, ()))
        return [entry for entry in known if entry is not None]

    def overlapping(self, entry: Entry[Stored]) -> list[Entry[Stored]]:
        """Other resources whose output folder is this one's, above it or below it."""
        known = (self.resources.get(key) for key in self._folders.overlapping(entry.key, *entry.value.folder))
        return [one for one in known if one is not None]

    def size(self) -> dict[str, int]:
        """Number of cached objects by plural name."""
        return {kind.plural: len(store) for kind, store in self._stores.items()}

    def pods_of(self, namespace: str, job_uid: str) -> list[PodEntry]:
        """The pods that the Job with this uid controls."""
        return list(self.pods.of(namespace, job_uid).values())

    def _wanted(self, kind: Kind, entry: AnyEntry) -> bool:
        """Whether it works for somebody, is a claim that somebody names, or replaces what is known."""
        named = kind is CLAIMS and bool(self._users.get(entry.key))
        return bool(entry.owner) or named or self._stores[kind].get(entry.key) is not None

    def _note(self, kind: Kind, before: AnyEntry | None, after: AnyEntry | None) -> set[Key]:
        changed = after or before
        if changed is None:
            return set()
        if kind is CHECKPOINTS:
            self._refer(before, after)
            return {changed.key}
        if kind is JOBS:
            self._index(before, after)
        owners = (self._owner_of(kind, one) for one in (before, after) if one is not None)
        affected = {owner for owner in owners if owner is not None}
        return affected | self._users.get(changed.key, set()) if kind is CLAIMS else affected

    def _owner_of(self, kind: Kind, entry: AnyEntry) -> Key | None:
        """The resource that it works for; a pod does so by its Job, if that is known."""
        namespace, owner = entry.key.namespace, entry.owner
        if kind is PODS:
            job = self._jobs_by_uid.get((namespace, owner))
            owner = job.owner if job else ""
        return self._by_uid.get((namespace, owner))

    def _index(self, before: AnyEntry | None, after: AnyEntry | None) -> None:
        if before is not None:
            self._jobs_by_uid.pop((before.key.namespace, before.uid), None)
        if after is not None:
            assert isinstance(after.value, Job)
            self._jobs_by_uid[after.key.namespace, after.uid] = after

    def _refer(self, before: AnyEntry | None, after: AnyEntry | None) -> None:
        for entry, present in ((before, False), (after, True)):
            if entry is None:
                continue
            assert isinstance(entry.value, Stored)
            if present:
                self._by_uid[entry.key.namespace, entry.uid] = entry.key
                self._folders.add(entry.key, *entry.value.folder)
            else:
                self._by_uid.pop((entry.key.namespace, entry.uid), None)
                self._folders.remove(entry.key, *entry.value.folder)
            for name in entry.value.claims:
                claim = Key(entry.key.namespace, name)
                if present:
                    self._users[claim].add(entry.key)
                else:
                    self._users[claim].discard(entry.key)
                    if not self._users[claim]:
                        del self._users[claim]
