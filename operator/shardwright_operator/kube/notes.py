"""What the operator remembers of a resource between two looks at it, beyond the cache; losing it costs a few reads."""

from dataclasses import dataclass, field

from shardwright_operator.decide.observed import Job, Warning
from shardwright_operator.kube.cached_objects import Key
from shardwright_worker.contract.progress_line import Progress


@dataclass(slots=True)
class Notes:
    """Notes about one resource that is being worked on. Times are monotonic seconds."""

    doubtful: bool = False  # a write of ours had no clear answer: read the resource before deciding
    foreign: dict[str, Job] = field(default_factory=dict)  # Jobs that have a name we want and are not ours
    refused: dict[str, Warning] = field(default_factory=dict)  # what the API server would not let us create
    podless: set[str] = field(default_factory=set)  # uids of finished Jobs whose pods are really gone
    progress: dict[str, Progress] = field(default_factory=dict)
    progress_read: float = float("-inf")
    waiting_since: float | None = None
    warnings: tuple[Warning, ...] = ()
    warnings_read: float = float("-inf")
    warnings_pause: float = 0.0


class NotesStore:
    """Notes by resource; settled resources have none."""

    def __init__(self) -> None:
        self._notes: dict[Key, Notes] = {}

    def of(self, key: Key) -> Notes:
        """The notes about this resource, made when first asked for."""
        return self._notes.setdefault(key, Notes())

    def doubts(self, key: Key) -> bool:
        """Whether the cached resource must be read again before it is trusted."""
        notes = self._notes.get(key)
        return notes is not None and notes.doubtful

    def forget(self, key: Key) -> None:
        """The resource is settled or gone."""
        self._notes.pop(key, None)
