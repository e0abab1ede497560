"""What a decision asks for: actions in their order, the complete status, events, and when to decide again."""

from dataclasses import dataclass

from shardwright_operator.api.spec import ClaimTemplate
from shardwright_operator.api.status import Status
from shardwright_operator.decide.job_request import JobRequest


@dataclass(frozen=True, slots=True)
class CreateClaim:
    """Create a PersistentVolumeClaim; one of that name is taken as it is in the next decision.

    `owned`: the garbage collector deletes it with the resource.
    """

    namespace: str
    resource: str
    uid: str
    name: str
    template: ClaimTemplate
    owned: bool


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Create a Job with POST, after a live read of the resource. Its attempt number is in status already."""

    request: JobRequest


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
    """The result of a decision: actions in their order, then the status; the first action that fails stops the rest.

    `requeue_after` in seconds, None if only an event of the API server can change the decision.
    """

    status: Status
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
