"""The deltas that watches and lists put on the informer's queue, as in client-go's DeltaFIFO.

https://github.com/kubernetes/client-go/blob/v0.36.3/tools/cache/delta_fifo.go#L186
"""

from dataclasses import dataclass

from shardwright_operator.kube.cached_objects import AnyEntry, Key
from shardwright_operator.kube.kinds import Kind


@dataclass(frozen=True, slots=True)
class ObjectDelta:
    """A watch event, or the last of several for one object. `entry` is None if the object was deleted."""

    kind: Kind
    key: Key
    uid: str
    entry: AnyEntry | None


@dataclass(frozen=True, slots=True)
class ListDelta:
    """A complete list of one kind, client-go's `Replaced`.

    `started` is the time before the first page was requested, in monotonic seconds: what the cache has received since
    then may be newer than the list. `namespace` is None for a list of all namespaces.
    """

    kind: Kind
    namespace: str | None
    started: float
    entries: list[AnyEntry]


Delta = ObjectDelta | ListDelta
