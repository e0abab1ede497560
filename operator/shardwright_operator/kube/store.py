"""The cached objects of one kind: a newer version replaces an older one, and a list removes what it does not have."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Generic, TypeVar

from shardwright_operator.kube.cached_objects import Entry, Key

T = TypeVar("T")

_TOMBSTONE_SECONDS = 600.0  # for which late events of a deleted object are ignored


class Store(Generic[T]):
    """Entries by key and by owner. `clock` returns monotonic seconds.

    Three sources write here in any order: watch events, lists, and the responses to the operator's own writes. Within
    one object the resourceVersion decides; between a list and the rest, which of them came later.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[Key, Entry[T]] = {}
        self._written_at: dict[Key, float] = {}
        self._by_owner: dict[tuple[str, str], dict[Key, Entry[T]]] = {}  # (namespace, owner) -> its objects
        self._tombstones: dict[str, float] = {}  # uid -> when it was deleted

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(list(self._entries.values()))

    def get(self, key: Key) -> Entry[T] | None:
        """Return the object of that name."""
        return self._entries.get(key)

    def by_owner(self, namespace: str, owner: str) -> Mapping[Key, Entry[T]]:
        """Return the objects whose controller has this uid. Owners and what they own share a namespace."""
        return self._by_owner.get((namespace, owner), {})

    def put(self, entry: Entry[T]) -> bool:
        """Store a version of an object, and return whether it was new. One that is older than the stored is ignored."""
        known = self._entries.get(entry.key)
        if entry.uid in self._tombstones or (known is not None and entry.version < known.version):
            return False
        self._written_at[entry.key] = self._clock()
        if known is not None and known.uid == entry.uid and known.version == entry.version:
            return False
        self._set(entry)
        return True

    def remove(self, key: Key, uid: str) -> Entry[T] | None:
        """Remove the object with this uid and return it, None if it was not stored. Its late events are ignored."""
        now = self._clock()
        self._tombstones[uid] = now
        # Swept now and then instead of with timers: some hundred entries cost nothing.
        if len(self._tombstones) % 256 == 0:
            self._tombstones = {one: when for one, when in self._tombstones.items() if now - when < _TOMBSTONE_SECONDS}
        known = self._entries.get(key)
        if known is None or known.uid != uid:
            return None
        self._drop(known)
        return known

    def replace(self, listed: Collection[Entry[T]], started: float, within: Callable[[Key], bool]) -> list[Entry[T]]:
        """Make everything `within` equal to a list that began at `started`, and return what changed or was removed.

        What was written since then is left alone: it may be newer than the list. Everything else becomes as listed,
        even with a lower version, as after etcd was restored from a backup.
        """
        changed: list[Entry[T]] = []
        listed_keys = {entry.key for entry in listed}
        for entry in listed:
            known = self._entries.get(entry.key)
            same = known is not None and (known.uid, known.version) == (entry.uid, entry.version)
            deleted_since = self._tombstones.get(entry.uid, 0.0) > started
            if same or not self._unwritten(entry.key, started) or deleted_since:
                continue
            self._tombstones.pop(entry.uid, None)
            self._written_at[entry.key] = self._clock()
            self._set(entry)
            changed.append(entry)
        for known in list(self._entries.values()):
            if known.key not in listed_keys and within(known.key) and self._unwritten(known.key, started):
                self._drop(known)
                changed.append(known)
        return changed

    def _unwritten(self, key: Key, since: float) -> bool:
        return self._written_at.get(key, float("-inf")) < since

    def _set(self, entry: Entry[T]) -> None:
        known = self._entries.get(entry.key)
        if known is not None and known.owner != entry.owner:
            self._remove_from_owner(known)
        self._entries[entry.key] = entry
        if entry.owner:
            self._by_owner.setdefault((entry.key.namespace, entry.owner), {})[entry.key] = entry

    def _drop(self, entry: Entry[T]) -> None:
        del self._entries[entry.key]
        self._written_at.pop(entry.key, None)
        self._remove_from_owner(entry)

    def _remove_from_owner(self, entry: Entry[T]) -> None:
        owner = entry.key.namespace, entry.owner
        owned = self._by_owner.get(owner, {})
        owned.pop(entry.key, None)
        if not owned:
            self._by_owner.pop(owner, None)
