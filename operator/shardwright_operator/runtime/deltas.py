"""What watches and lists tell, on its way to the cache."""

from dataclasses import dataclass

from shardwright_operator.kube.cached_objects import AnyEntry, Key
from shardwright_operator.kube.kinds import Kind


@dataclass(frozen=True, slots=True)
class Seen:
    """A watch told of an object: `entry` is its content, None if it was deleted."""

    kind: Kind
    key: Key
    uid: str
    entry: AnyEntry | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A complete list, begun at `started` on the monotonic clock; no namespace means all of them."""

    kind: Kind
    namespace: str | None
    started: float
    entries: list[AnyEntry]


News = Seen | Listed
