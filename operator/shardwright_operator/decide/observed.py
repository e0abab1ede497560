"""The observed state of one resource: the only input of a decision besides the clock and the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status
from shardwright_worker.contract.progress_line import Progress

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Resource:
    """A ShardedCheckpoint. `spec` is None if it cannot be parsed; `invalid` then says why."""

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
        """The last value of the annotation reconcile.fluxcd.io/requestedAt; to remove it requests nothing."""
        return self.requested_at or self.status.last_handled_reconcile_at


@dataclass(frozen=True, slots=True)
class Job:
    """A Job that this resource controls (`owned`), or another one that has the name of ours.

    `failed` is (reason, message) of the Job's condition Failed. Its conditions Complete and Failed are terminal and
    come when all of its pods have ended: https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions
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
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether the Job has a terminal condition."""
        return self.complete or self.failed is not None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that one of our Jobs controls, reduced to what decisions read of it and of its worker container.

    `waiting` and `unscheduled` are (reason, message); `job_name` is the Job that controls it.
    `status_reason` and `status_message` are what the kubelet says about the whole pod: evicted, rejected, shut down.
    `unreachable_since`: when Kubernetes set its condition Ready to False because its node had stopped reporting.
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

    @property
    def has_started(self) -> bool:
        """Whether its worker container has ever run."""
        return self.started_at is not None or self.phase not in ("Pending", "")


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim. `capacity` in bytes.

    `owners`: names and uids of the ShardedCheckpoints that own it; the garbage collector deletes it with the last one.
    """

    name: str
    uid: str
    phase: str
    access_modes: tuple[str, ...]
    deleting: bool = False
    capacity: int | None = None
    owners: tuple[tuple[str, str], ...] = ()
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ObservedEvent:
    """A Kubernetes Event on a Job, pod or claim of ours: `kind` and `name` of the object that it regards.

    `normal`: its type is Normal and not Warning; such events say why an object waits for a queue or a provisioner.
    """

    kind: str
    name: str
    reason: str
    message: str
    time: datetime
    normal: bool = False


@dataclass(frozen=True, slots=True)
class Neighbor:
    """Another resource whose output folder on the same claim equals this one's, contains it or is inside it."""

    name: str
    uid: str
    created_at: datetime
    folder: str


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything about one resource. `claims` has None for a claim that a live read did not find.

    `claim_users`: claim -> folders of it that pods other than our workers mount ("" is the whole volume); None if the
    pods were not read. `named_by`: other resources that name the output claim, read only before it is created.
    """

    resource: Resource
    jobs: tuple[Job, ...] = ()
    pods: tuple[Pod, ...] = ()
    claims: Mapping[str, Claim | None] = field(default_factory=dict)
    warnings: tuple[ObservedEvent, ...] = ()
    progress: Mapping[str, Progress] = field(default_factory=dict)  # pod name -> its last progress line
    claim_users: Mapping[str, tuple[str, ...]] | None = None
    neighbors: tuple[Neighbor, ...] = ()
    named_by: tuple[str, ...] = ()

    def job(self, name: str) -> Job | None:
        """Return the Job of this name, ours or not."""
        return next((job for job in self.jobs if job.name == name), None)

    def live_jobs(self) -> list[Job]:
        """Return our Jobs that have not finished; one that is being deleted is live until it is gone."""
        return [job for job in self.jobs if job.owned and not job.finished]

    def pods_of(self, job: str) -> list[Pod]:
        """Return the pods of the Job of this name."""
        return [pod for pod in self.pods if pod.job_name == job]

    def newest_pod(self, job: str) -> Pod | None:
        """Return the pod of this Job that was created last."""
        return newest(self.pods_of(job))

    def has_started(self, job: str) -> bool:
        """Return whether a container of this Job has ever run."""
        return any(pod.has_started for pod in self.pods_of(job))


def newest(pods: Sequence[Pod]) -> Pod | None:
    """Return the pod that was created last; of two with one creation time, the one whose name sorts last."""
    return max(pods, key=lambda pod: (pod.created_at, pod.name), default=None)


@dataclass(frozen=True, slots=True)
class Config:
    """The operator's own settings that decisions depend on. Times in seconds."""

    engine_image: str
    prepare_image: str
    retry_base: float
    retry_cap: float
    progress_interval: float
