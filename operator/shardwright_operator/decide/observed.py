"""The observed world of one resource: the only input of a decision besides the clock and the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status
from shardwright_worker.contract.progress_line import Progress

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Resource:
    """A ShardedCheckpoint. `spec` is None if it cannot be read; `invalid` then says why. `uid` is the API server's."""

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    requested_at: str | None
    spec: Spec | None
    status: Status
    invalid: str = ""
    created_at: datetime = _EPOCH

    @property
    def request(self) -> str | None:
        """A person's last request to try again; taking the annotation away is none."""
        return self.requested_at or self.status.last_handled_reconcile_at


@dataclass(frozen=True, slots=True)
class Job:
    """A Job that this resource controls (`owned`), or another one that has a name we want.

    `failed` and `failure_target` are (reason, message) of the Job's conditions Failed and FailureTarget.
    """

    name: str
    uid: str
    created_at: datetime
    owned: bool
    labels: Mapping[str, str]
    suspended: bool = False
    deleting: bool = False
    complete: bool = False
    failed: tuple[str, str] | None = None
    failure_target: tuple[str, str] | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    active: int = 0

    @property
    def finished(self) -> bool:
        """Whether the Job has its final condition: no pod of it runs any more."""
        return self.complete or self.failed is not None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that one of our Jobs controls, reduced to what decisions need of it and of the worker in it.

    `waiting` and `unscheduled` are (reason, message); `job_name` and `job_uid` are of the Job that controls it.
    `status_reason` and `status_message` are the node's words about the whole pod: evicted, refused, shut down.
    `unreachable_since`: Kubernetes has called it not ready since its node stopped reporting.
    """

    name: str
    uid: str
    job_name: str
    phase: str
    created_at: datetime
    deleting: bool = False
    unscheduled: tuple[str, str] | None = None
    waiting: tuple[str, str] | None = None
    exit_code: int | None = None
    terminated_reason: str = ""
    termination_message: str = ""
    disruption: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    status_reason: str = ""
    status_message: str = ""
    node: str = ""
    unreachable_since: datetime | None = None
    job_uid: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim. `owned_by_us`: this resource controls it. `capacity` in bytes.

    `owners`: names and uids of the ShardedCheckpoints that own it: with the last of them it is deleted.
    """

    name: str
    uid: str
    phase: str
    access_modes: tuple[str, ...]
    deleting: bool = False
    capacity: int | None = None
    owned_by_us: bool = False
    owners: tuple[tuple[str, str], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Warning:
    """A Warning event on a Job, pod or claim of ours: `kind` and `name` of what it is about.

    `normal`: an event of type Normal on something that waits for others, such as a queue or a provisioner.
    """

    kind: str
    name: str
    reason: str
    message: str
    time: datetime
    normal: bool = False


@dataclass(frozen=True, slots=True)
class Neighbor:
    """Another resource whose output folder on the same claim is this one's, above it or below it."""

    name: str
    uid: str
    created_at: datetime
    folder: str


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything about one resource. `claims` has None for a claim that a live look did not find.

    `claim_users`: claim -> folders that pods mount which are no workers ("" is the whole volume); None if nobody has
    looked, which says nothing about mounts. `named_by`: other resources that name the output claim, looked for only
    before it is created.
    """

    resource: Resource
    jobs: tuple[Job, ...] = ()
    pods: tuple[Pod, ...] = ()
    claims: Mapping[str, Claim | None] = field(default_factory=dict)
    warnings: tuple[Warning, ...] = ()
    progress: Mapping[str, Progress] = field(default_factory=dict)  # pod name -> its last progress line
    claim_users: Mapping[str, tuple[str, ...]] | None = None
    neighbors: tuple[Neighbor, ...] = ()
    named_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """The operator's own settings that decisions depend on. Times in seconds."""

    engine_image: str
    prepare_image: str
    retry_base: float = 10.0
    retry_cap: float = 600.0
    progress_interval: float = 5.0
