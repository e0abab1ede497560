"""An index of output folders, which finds overlapping ones without comparing every resource with every other."""

from collections import defaultdict

from shardwright_operator.kube.cached_objects import Key

Folder = tuple[str, str, str]  # namespace, claim, normalized path in the claim


class FolderIndex:
    """Resources by their output folder, and by every folder above it."""

    def __init__(self) -> None:
        self._at: defaultdict[Folder, set[Key]] = defaultdict(set)
        self._below: defaultdict[Folder, set[Key]] = defaultdict(set)

    def add(self, key: Key, claim: str, folder: str) -> None:
        """Add a resource with its folder."""
        self._at[key.namespace, claim, folder].add(key)
        for parent in _parents(folder):
            self._below[key.namespace, claim, parent].add(key)

    def remove(self, key: Key, claim: str, folder: str) -> None:
        """Remove a resource that was added with this folder."""
        _discard(self._at, (key.namespace, claim, folder), key)
        for parent in _parents(folder):
            _discard(self._below, (key.namespace, claim, parent), key)

    def overlapping(self, key: Key, claim: str, folder: str) -> set[Key]:
        """Return the other resources whose folder is this one, above it or below it."""
        folders = [(key.namespace, claim, one) for one in (folder, *_parents(folder))]
        found = {other for one in folders for other in self._at.get(one, ())}
        return (found | self._below.get((key.namespace, claim, folder), set())) - {key}


def _parents(folder: str) -> list[str]:
    """Return the folders above this one, the root of the volume (the empty path) last."""
    parts = folder.split("/") if folder else []
    return ["/".join(parts[:count]) for count in range(len(parts) - 1, -1, -1)]


def _discard(index: defaultdict[Folder, set[Key]], folder: Folder, key: Key) -> None:
    # An empty set is removed: folders come and go for years.
    index[folder].discard(key)
    if not index[folder]:
        del index[folder]
