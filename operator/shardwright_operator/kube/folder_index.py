"""Which resources' output folders on a claim overlap: found without looking at every resource."""

from collections import defaultdict

from shardwright_operator.kube.cached_objects import Key

Folder = tuple[str, str, str]  # namespace, claim, folder


class FolderIndex:
    """Output folders by their place, and by every place above them."""

    def __init__(self) -> None:
        self._at: defaultdict[Folder, set[Key]] = defaultdict(set)
        self._below: defaultdict[Folder, set[Key]] = defaultdict(set)

    def add(self, key: Key, claim: str, folder: str) -> None:
        """This resource has this folder."""
        self._at[key.namespace, claim, folder].add(key)
        for above in _above(folder):
            self._below[key.namespace, claim, above].add(key)

    def remove(self, key: Key, claim: str, folder: str) -> None:
        """It has it no more."""
        _discard(self._at, (key.namespace, claim, folder), key)
        for above in _above(folder):
            _discard(self._below, (key.namespace, claim, above), key)

    def overlapping(self, key: Key, claim: str, folder: str) -> set[Key]:
        """Other resources with this folder, one above it or one below it."""
        places = [(key.namespace, claim, one) for one in (folder, *_above(folder))]
        found = {other for place in places for other in self._at.get(place, ())}
        return (found | self._below.get((key.namespace, claim, folder), set())) - {key}


def _above(folder: str) -> list[str]:
    """The folders above this one, the root of the volume (the empty path) last."""
    parts = folder.split("/") if folder else []
    return ["/".join(parts[:count]) for count in range(len(parts) - 1, -1, -1)]


def _discard(places: defaultdict[Folder, set[Key]], place: Folder, key: Key) -> None:
    places[place].discard(key)
    if not places[place]:
        del places[place]
