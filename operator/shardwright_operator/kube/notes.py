"""What the operator remembers about a resource between two reconciliations, beyond the cache.

It is lost when the process ends, which costs some reads and nothing else.
"""

from dataclasses import dataclass, field

from shardwright_operator.decide.observed import Job, ObservedEvent
from shardwright_operator.kube.cached_objects import Key
from shardwright_worker.contract.progress_line import Progress


@dataclass(slots=True)
class Notes:
    """Notes about one resource that is not settled. Times are monotonic seconds."""

    must_reread: bool = False  # a write had no clear outcome: the cached resource may be stale
    foreign_jobs: dict[str, Job] = field(default_factory=dict)  # by name: they have a name that the resource needs
    rejected: dict[str, ObservedEvent] = field(default_factory=dict)  # by name: what could not be created, and why
    jobs_without_pods: set[str] = field(default_factory=set)  # uids of finished Jobs whose pods were listed in vain
    progress: dict[str, Progress] = field(default_factory=dict)  # by pod
    progress_read_at: float = float("-inf")
    waiting_since: float | None = None
    warnings: tuple[ObservedEvent, ...] = ()
    warnings_read_at: float = float("-inf")
    warnings_pause: float = 0.0


class NotesStore:
    """Notes by resource; settled resources have none."""

    def __init__(self) -> None:
        self._notes: dict[Key, Notes] = {}

    def of(self, key: Key) -> Notes:
        """Return the notes about a resource; they are created by the first call."""
        return self._notes.setdefault(key, Notes())

    def must_reread(self, key: Key) -> bool:
        """Return whether the cached resource must be read again before a decision."""
        notes = self._notes.get(key)
        return notes is not None and notes.must_reread

    def forget(self, key: Key) -> None:
        """Remove the notes about a resource that is settled or deleted."""
        self._notes.pop(key, None)
