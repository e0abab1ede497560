"""What a decision asks for: actions in their order, the complete status, events, and when to look again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shardwright_operator.api.status import Status


@dataclass(frozen=True, slots=True)
class CreateClaim:
    """Create this PersistentVolumeClaim; one of that name is looked at in the next round."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Create this Job with POST, after a live look at the resource. Its attempt number is in status already."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete the Job with this uid, in the background, if it is still that one."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class SuspendJob:
    """Set `spec.suspend` of the Job with this uid."""

    name: str
    uid: str
    suspend: bool


Action = CreateClaim | CreateJob | DeleteJob | SuspendJob


@dataclass(frozen=True, slots=True)
class Event:
    """One Kubernetes Event on the resource; `type` is Normal or Warning."""

    type: str
    reason: str
    message: str
    action: str = "Reconcile"


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of a decision: actions in their order, then the status; the first action that fails stops the rest.

    `requeue_after` in seconds, None if only a change of the world can matter.
    """

    status: Status
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
