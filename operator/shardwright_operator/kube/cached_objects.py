"""What the cache holds of an object: its identity and the few fields that decisions need."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from shardwright_operator.decide.observed import Claim, Job, Pod

T = TypeVar("T")


class Key(NamedTuple):
    """The namespace and name of an object of a known kind."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One object. `version` is its resourceVersion, which orders the versions of one object.

    `owner` is the uid of its controller, in its own namespace, empty if that is not of ours: a resource for a Job and
    for a claim, a Job for a pod; a resource is its own. Labels do not decide it: any user may set them.

    https://github.com/kubernetes/apimachinery/blob/v0.36.3/pkg/util/resourceversion/resourceversion.go#L45
    """

    key: Key
    uid: str
    version: int
    owner: str
    value: T


@dataclass(frozen=True, slots=True)
class CachedCheckpoint:
    """A ShardedCheckpoint. Spec and status are JSON text: parsed they are several times larger, and rarely needed."""

    generation: int
    deleting: bool
    requested_at: str | None
    spec: bytes
    status: bytes
    claims: tuple[str, ...]  # that the spec names
    created_at: datetime
    folder: tuple[str, str]  # output claim, and the normalized folder in it


ResourceEntry = Entry[CachedCheckpoint]
JobEntry = Entry[Job]
PodEntry = Entry[Pod]
ClaimEntry = Entry[Claim]
AnyEntry = ResourceEntry | JobEntry | PodEntry | ClaimEntry
