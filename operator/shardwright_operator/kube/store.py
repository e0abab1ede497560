"""The cached objects of one kind: only newer versions replace older ones, and what a list no longer has goes away."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Generic, TypeVar

from shardwright_operator.kube.cached_objects import Entry, Key

T = TypeVar("T")

_REMEMBERED = 600.0  # seconds for which a deleted object's late events are still recognised


class Store(Generic[T]):
    """Objects by key and by what they work for. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[Key, Entry[T]] = {}
        self._touched: dict[Key, float] = {}
        self._of: dict[tuple[str, str], dict[Key, Entry[T]]] = {}  # (namespace, owner) -> its objects
        self._gone: dict[str, float] = {}  # uid -> when it was deleted

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(list(self._entries.values()))

    def get(self, key: Key) -> Entry[T] | None:
        """The object of that name."""
        return self._entries.get(key)

    def of(self, namespace: str, owner: str) -> Mapping[Key, Entry[T]]:
        """All objects that work for the object with this uid. Owners and what they own share a namespace."""
        return self._of.get((namespace, owner), {})

    def put(self, entry: Entry[T]) -> bool:
        """Take a version that was seen or written; whether it was news. A version older than the known one is not."""
        known = self._entries.get(entry.key)
        if entry.uid in self._gone or (known is not None and entry.version < known.version):
            return False
        self._touched[entry.key] = self._clock()
        if known is not None and known.uid == entry.uid and known.version == entry.version:
            return False
        self._set(entry)
        return True

    def remove(self, key: Key, uid: str) -> Entry[T] | None:
        """Take away the object with this uid, and recognise its late events from now on."""
        now = self._clock()
        self._gone[uid] = now
        if len(self._gone) % 256 == 0:
            self._gone = {one: when for one, when in self._gone.items() if now - when < _REMEMBERED}
        known = self._entries.get(key)
        if known is None or known.uid != uid:
            return None
        self._drop(known)
        return known

    def reconcile(self, listed: Collection[Entry[T]], started: float, within: Callable[[Key], bool]) -> list[Entry[T]]:
        """Make what was not touched since the list began equal to the list; gives the entries that changed or went.

        The list is the newest there is: it wins over the cache even with a lower version, as after a restored backup.
        """
        changed: list[Entry[T]] = []
        listed_keys = {entry.key for entry in listed}
        for entry in listed:
            known = self._entries.get(entry.key)
            same = known is not None and (known.uid, known.version) == (entry.uid, entry.version)
            if same or not self._untouched(entry.key, started) or self._gone.get(entry.uid, 0.0) > started:
                continue
            self._gone.pop(entry.uid, None)
            self._touched[entry.key] = self._clock()
            self._set(entry)
            changed.append(entry)
        for known in list(self._entries.values()):
            if known.key not in listed_keys and within(known.key) and self._untouched(known.key, started):
                self._drop(known)
                changed.append(known)
        return changed

    def _untouched(self, key: Key, since: float) -> bool:
        return self._touched.get(key, float("-inf")) < since

    def _set(self, entry: Entry[T]) -> None:
        known = self._entries.get(entry.key)
        if known is not None and known.owner != entry.owner:
            self._forget_owner(known)
        self._entries[entry.key] = entry
        if entry.owner:
            self._of.setdefault((entry.key.namespace, entry.owner), {})[entry.key] = entry

    def _drop(self, entry: Entry[T]) -> None:
        del self._entries[entry.key]
        self._touched.pop(entry.key, None)
        self._forget_owner(entry)

    def _forget_owner(self, entry: Entry[T]) -> None:
        place = entry.key.namespace, entry.owner
        siblings = self._of.get(place, {})
        siblings.pop(entry.key, None)
        if not siblings:
            self._of.pop(place, None)
