"""What the cache holds of an object: its identity and the few fields that decisions use, as small as can be."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

from shardwright_operator.decide.observed import Claim, Job, Pod

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Key(NamedTuple):
    """Names an object of a known kind."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One object. `version` orders the writes of an object.

    `owner` is the uid of the object that it works for, in its own namespace: its controller, if that is of ours. A
    resource is its own; a Job's is its resource, and a pod's is its Job. Labels say nothing: anybody may set them.
    """

    key: Key
    uid: str
    version: int
    owner: str
    value: T


@dataclass(frozen=True, slots=True)
class Stored:
    """A ShardedCheckpoint as JSON text: parsed objects are several times larger, and most resources are settled."""

    generation: int
    deleting: bool
    requested_at: str | None
    spec: bytes
    status: bytes
    claims: tuple[str, ...]
    created_at: datetime = _EPOCH
    folder: tuple[str, str] = ("", "")  # output claim, and the normalized folder in it


ResourceEntry = Entry[Stored]
JobEntry = Entry[Job]
PodEntry = Entry[Pod]
ClaimEntry = Entry[Claim]
AnyEntry = ResourceEntry | JobEntry | PodEntry | ClaimEntry
