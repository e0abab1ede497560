"""The closed list of reasons: what each means, whether a retry can help, and what the user should do."""

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """Every reason that a condition, an Event or a worker's report may carry."""

    # Progress
    PROGRESSING = "Progressing"
    PROGRESSING_WITH_RETRY = "ProgressingWithRetry"
    SUCCEEDED = "Succeeded"
    SUSPENDED = "Suspended"
    QUEUED = "Queued"
    # Specification
    INVALID_SPEC = "InvalidSpec"
    NAME_CONFLICT = "NameConflict"
    # Volume
    VOLUME_NOT_FOUND = "VolumeNotFound"
    VOLUME_PENDING = "VolumePending"
    VOLUME_NOT_WRITABLE = "VolumeNotWritable"
    INSUFFICIENT_SPACE = "InsufficientSpace"
    ACCESS_MODE_UNSUPPORTED = "AccessModeUnsupported"
    VOLUME_UNAVAILABLE = "VolumeUnavailable"
    # Source
    SOURCE_NOT_FOUND = "SourceNotFound"
    SOURCE_UNAUTHORIZED = "SourceUnauthorized"
    SOURCE_GATED = "SourceGated"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    REVISION_NOT_FOUND = "RevisionNotFound"
    TRANSFER_FAILED = "TransferFailed"
    SOURCE_INCOMPLETE = "SourceIncomplete"
    SOURCE_CORRUPT = "SourceCorrupt"
    SOURCE_UNREADABLE = "SourceUnreadable"
    SOURCE_CHANGED = "SourceChanged"
    # Engine
    UNSUPPORTED_MODEL = "UnsupportedModel"
    UNSUPPORTED_QUANTIZATION = "UnsupportedQuantization"
    INVALID_ENGINE_ARGUMENTS = "InvalidEngineArguments"
    DEVICE_UNAVAILABLE = "DeviceUnavailable"
    OUT_OF_DEVICE_MEMORY = "OutOfDeviceMemory"
    OUT_OF_MEMORY = "OutOfMemory"
    COMMUNICATION_FAILED = "CommunicationFailed"
    # Pod and Job
    IMAGE_PULL_FAILED = "ImagePullFailed"
    WORKER_NOT_IN_IMAGE = "WorkerNotInImage"
    UNSCHEDULABLE = "Unschedulable"
    POD_NOT_CREATED = "PodNotCreated"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    DISRUPTED = "Disrupted"
    NODE_UNREACHABLE = "NodeUnreachable"
    ATTEMPTS_EXHAUSTED = "AttemptsExhausted"
    # Artifact
    DIGESTS_ONLY = "DigestsOnly"
    VERIFICATION_FAILED = "VerificationFailed"
    ARTIFACT_DAMAGED = "ArtifactDamaged"
    WORKER_PROTOCOL_ERROR = "WorkerProtocolError"
    UNEXPECTED_ERROR = "UnexpectedError"


class Meaning(NamedTuple):
    """One row of the table: what a user reads, whether the operator retries, and the worker's exit code, if it has one.

    `shard_attempts`: largest number of shard Jobs that may end like this, whatever `spec.job.maxAttempts` says, so that
    accelerators are not taken again and again for an error that is not understood. None: `spec.job.maxAttempts`.
    """

    summary: str
    advice: str
    retry: bool
    exit_code: int | None = None
    shard_attempts: int | None = None


_THEN_RETRY = "then set the annotation reconcile.fluxcd.io/requestedAt"
# fmt: off
MEANINGS: dict[Reason, Meaning] = {
    Reason.PROGRESSING: Meaning("Work is in progress.", "Wait; status.progress shows how far it is.", True),
    Reason.PROGRESSING_WITH_RETRY: Meaning("An attempt failed, and another one follows.", "Read status.lastFailure; the next attempt starts by itself.", True),
    Reason.SUCCEEDED: Meaning("The artifact is published and verified as spec.verification asks.", "Serve it with status.serving.", False),
    Reason.SUSPENDED: Meaning("spec.suspend is true.", "Set spec.suspend to false to continue.", True),
    Reason.QUEUED: Meaning("The Job waits for its queue to admit it.", "Check the queue in spec.job.queueName.", True),
    Reason.INVALID_SPEC: Meaning("The resource cannot be read.", "Correct the field in the message.", False),
    Reason.NAME_CONFLICT: Meaning("An object of a required name belongs to something else.", "Delete or rename the object in the message, or rename this resource.", False),
    Reason.VOLUME_NOT_FOUND: Meaning("The PersistentVolumeClaim does not exist.", "Create the claim, or let the operator do it with spec.output.persistentVolumeClaim.create.", True),
    Reason.VOLUME_PENDING: Meaning("The PersistentVolumeClaim is not bound.", "Check its StorageClass and `kubectl describe pvc`.", True),
    Reason.VOLUME_NOT_WRITABLE: Meaning("The pod may not write to the volume.", f"Set spec.job.podSecurityContext.fsGroup, or change the folder's owner to the pod's user, {_THEN_RETRY}.", False, 40),
    Reason.INSUFFICIENT_SPACE: Meaning("The volume has too little free space.", f"Enlarge the claim; or delete files that are not needed, {_THEN_RETRY}.", False, 41),
    Reason.ACCESS_MODE_UNSUPPORTED: Meaning("The claim cannot be mounted in the required access mode.", "Use a claim with ReadWriteOnce or ReadWriteMany.", False),
    Reason.VOLUME_UNAVAILABLE: Meaning("A volume returns I/O errors.", "Check the storage behind the claim and the node's mounts; the operator retries, and nothing is deleted meanwhile.", True, 42),
    Reason.SOURCE_NOT_FOUND: Meaning("The source does not exist.", f"Correct spec.source (repository, claim, path); or put the model there, {_THEN_RETRY}.", False, 20),
    Reason.SOURCE_UNAUTHORIZED: Meaning("The Hub rejected the token, or requires one.", f"Put a valid token in the Secret of tokenSecretRef, {_THEN_RETRY}.", False, 21),
    Reason.SOURCE_GATED: Meaning("The repository is gated, and the token's owner has no access.", f"Accept the terms on the model's page on the Hub, or use another token, {_THEN_RETRY}.", False, 22),
    Reason.SOURCE_UNAVAILABLE: Meaning("The Hub does not answer, or limits the rate of requests.", "Check the endpoint, the proxy and the network policy; the operator retries, and waiting for a Retry-After of the Hub does not count as an attempt.", True, 23),
    Reason.REVISION_NOT_FOUND: Meaning("The repository has no such branch, tag or commit.", "Correct spec.source.huggingFace.revision.", False, 24),
    Reason.TRANSFER_FAILED: Meaning("A download was interrupted.", "Nothing: the next attempt resumes it.", True, 25),
    Reason.SOURCE_INCOMPLETE: Meaning("A file or a tensor of the source is missing.", f"Add what the message lists to the source, or correct its path, {_THEN_RETRY}.", False, 26),
    Reason.SOURCE_CORRUPT: Meaning("A file of the source is damaged.", f"Download the file in the message again, {_THEN_RETRY}.", False, 27),
    Reason.SOURCE_UNREADABLE: Meaning("The pod's user may not read a file of the source.", f"Set spec.job.podSecurityContext as the message says, or change the file's owner, {_THEN_RETRY}.", False, 28),
    Reason.SOURCE_CHANGED: Meaning("The source changed while it was used.", "Wait until nothing writes to it; the operator retries, and nothing was published from the mixture.", True, 29),
    Reason.UNSUPPORTED_MODEL: Meaning("vLLM in this image, or its sharded_state format, does not support this model.", "Use a newer engine image, or serve the model unsharded.", False, 30),
    Reason.UNSUPPORTED_QUANTIZATION: Meaning("This quantization cannot be saved as shards, or not on this device.", "Use a checkpoint that is already quantized with a supported method.", False, 31),
    Reason.INVALID_ENGINE_ARGUMENTS: Meaning("vLLM rejects these engine arguments for this model.", "Correct spec.engine as the message says.", False, 32),
    Reason.DEVICE_UNAVAILABLE: Meaning("The accelerators of the node cannot be used, or are too few.", "Check the driver and the device plugin of the node; the operator retries.", True, 50),
    Reason.OUT_OF_DEVICE_MEMORY: Meaning("The model does not fit into the memory of the accelerators.", "Raise tensorParallelSize or use larger accelerators.", False, 51),
    Reason.OUT_OF_MEMORY: Meaning("The pod needed more memory than its limit.", "For the shard Job, raise spec.job.resources.limits.memory; prepare has a fixed 2Gi: remove files from the source that are not part of the model.", False, 52),
    Reason.COMMUNICATION_FAILED: Meaning("The ranks lost their connections to each other.", "The operator retries; if it persists, check the node's interconnect and drivers.", True, 53),
    Reason.IMAGE_PULL_FAILED: Meaning("The container image cannot be pulled.", "Correct spec.engine.image or spec.job.imagePullSecrets.", True),
    Reason.WORKER_NOT_IN_IMAGE: Meaning("The image does not contain the program shardwright-worker.", "Build the engine image from worker/Dockerfile on top of your vLLM image, and set it as spec.engine.image.", False),
    Reason.UNSCHEDULABLE: Meaning("No node can take the pod at present.", "Free or add accelerators, or relax nodeSelector, affinity and tolerations.", True),
    Reason.POD_NOT_CREATED: Meaning("Kubernetes does not create or start the Job's pod.", "Remove the cause in the message: a quota, an admission rule, or a missing Secret.", True),
    Reason.DEADLINE_EXCEEDED: Meaning("The Job ran longer than spec.job.deadline.", "Raise spec.job.deadline, or find out why the stage in the message hangs.", True),
    Reason.DISRUPTED: Meaning("The pod was evicted, preempted or lost with its node.", "Nothing: the stage starts again, and the attempt does not count.", True, 70),
    Reason.NODE_UNREACHABLE: Meaning("The pod's node has stopped reporting.", "Wait, or remove the node; the pod is replaced once Kubernetes deletes it.", True),
    Reason.ATTEMPTS_EXHAUSTED: Meaning("The last of spec.job.maxAttempts attempts failed.", f"Fix what status.lastFailure reports, {_THEN_RETRY}.", False),
    Reason.DIGESTS_ONLY: Meaning("The bytes were read again; that vLLM loads them is not verified.", "Set spec.verification to Load or Generate to verify it.", False),
    Reason.VERIFICATION_FAILED: Meaning("The saved shards do not load to the same weights.", "Report it with the message. Nothing was published; an artifact published earlier with a weaker verification stays on the volume and is not offered.", False, 60),
    Reason.ARTIFACT_DAMAGED: Meaning("The published artifact is incomplete or changed.", "Restore it, and the next recheck finds it; or have it rebuilt by setting the annotation reconcile.fluxcd.io/requestedAt.", False, 61),
    Reason.WORKER_PROTOCOL_ERROR: Meaning("The worker ended without a readable report.", "Read the pod's log; the operator retries.", True, 80, shard_attempts=2),
    Reason.UNEXPECTED_ERROR: Meaning("The worker failed with an error that is not in this table.", "Read the last lines of its log in the message; report it if the cause is not on your side.", True, 81, shard_attempts=2),
}
# fmt: on

_BY_EXIT_CODE = {meaning.exit_code: reason for reason, meaning in MEANINGS.items() if meaning.exit_code is not None}


# Problems of a source; an artifact that was made from it earlier is still good.
ABOUT_SOURCES = frozenset(
    {
        Reason.SOURCE_NOT_FOUND,
        Reason.SOURCE_UNAUTHORIZED,
        Reason.SOURCE_GATED,
        Reason.SOURCE_UNAVAILABLE,
        Reason.REVISION_NOT_FOUND,
        Reason.TRANSFER_FAILED,
        Reason.SOURCE_INCOMPLETE,
        Reason.SOURCE_CORRUPT,
        Reason.SOURCE_UNREADABLE,
        Reason.SOURCE_CHANGED,
    }
)


def reason_of_exit_code(exit_code: int) -> Reason | None:
    """Return the reason of a worker's exit code; None for any other code."""
    return _BY_EXIT_CODE.get(exit_code)
