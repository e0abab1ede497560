"""The table of reasons: what each means, what the user should do, and what operator and worker make of it."""

from enum import StrEnum
from typing import NamedTuple

from shardwright_worker.contract.vllm_support.releases import SUPPORTED


class Reason(StrEnum):
    """Every reason that a condition, an Event or a worker's report may carry."""

    PROGRESSING = "Progressing"
    PROGRESSING_WITH_RETRY = "ProgressingWithRetry"
    SUCCEEDED = "Succeeded"
    SUSPENDED = "Suspended"
    QUEUED = "Queued"
    INVALID_SPEC = "InvalidSpec"
    NAME_CONFLICT = "NameConflict"
    VOLUME_NOT_FOUND = "VolumeNotFound"
    VOLUME_PENDING = "VolumePending"
    VOLUME_NOT_WRITABLE = "VolumeNotWritable"
    INSUFFICIENT_SPACE = "InsufficientSpace"
    ACCESS_MODE_UNSUPPORTED = "AccessModeUnsupported"
    VOLUME_UNAVAILABLE = "VolumeUnavailable"
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
    UNSUPPORTED_MODEL = "UnsupportedModel"
    UNSUPPORTED_QUANTIZATION = "UnsupportedQuantization"
    INVALID_ENGINE_ARGUMENTS = "InvalidEngineArguments"
    UNSUPPORTED_ENGINE = "UnsupportedEngine"
    DEVICE_UNAVAILABLE = "DeviceUnavailable"
    OUT_OF_DEVICE_MEMORY = "OutOfDeviceMemory"
    OUT_OF_MEMORY = "OutOfMemory"
    COMMUNICATION_FAILED = "CommunicationFailed"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    WORKER_NOT_IN_IMAGE = "WorkerNotInImage"
    UNSCHEDULABLE = "Unschedulable"
    POD_NOT_CREATED = "PodNotCreated"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    DISRUPTED = "Disrupted"
    NODE_UNREACHABLE = "NodeUnreachable"
    ATTEMPTS_EXHAUSTED = "AttemptsExhausted"
    DIGESTS_ONLY = "DigestsOnly"
    VERIFICATION_FAILED = "VerificationFailed"
    ARTIFACT_DAMAGED = "ArtifactDamaged"
    WORKER_PROTOCOL_ERROR = "WorkerProtocolError"
    UNEXPECTED_ERROR = "UnexpectedError"


class Group(StrEnum):
    """What a reason is about: the sections of docs/failure-modes.md, in their order."""

    PROGRESS = "Progress"
    RESOURCE = "The resource"
    VOLUME = "The volume"
    SOURCE = "The source"
    ENGINE = "Model and engine"
    PODS = "Pods and Jobs"
    ARTIFACT = "The artifact"
    WORKER = "The worker"


class Meaning(NamedTuple):
    """One row of the table: what a user reads, whether the operator retries, and the worker's exit code, if it has one.

    A problem of the group SOURCE leaves an artifact that was made from the source earlier as good as it was.

    `blames_shards`: a process that loads staged shards and fails like this has found bad shards (VerificationFailed,
    which is not retried). Otherwise the machine or the volume is the cause, and verification keeps the reason.

    `shard_attempts`: largest number of shard Jobs that may end like this, whatever `spec.job.maxAttempts` says, so that
    accelerators are not taken again and again for an error that is not understood. None: `spec.job.maxAttempts`.
    """

    group: Group
    summary: str
    advice: str
    retry: bool
    exit_code: int | None = None
    blames_shards: bool = True
    shard_attempts: int | None = None


UNEXPLAINED_ATTEMPTS = 2
_THEN_RETRY = "then set the annotation reconcile.fluxcd.io/requestedAt"
# Exit codes: 20-29 source, 30-39 model and engine, 40-49 volume, 50-59 accelerators, memory and the ranks'
# connections, 60-69 artifact, 70-79 the pod was stopped, 80-89 the worker itself.
# fmt: off
MEANINGS: dict[Reason, Meaning] = {
    Reason.PROGRESSING: Meaning(Group.PROGRESS, "Work is in progress.", "Wait; status.progress shows how far it is.", retry=True),
    Reason.PROGRESSING_WITH_RETRY: Meaning(Group.PROGRESS, "Something failed or is missing; the operator continues by itself.", "Read the message of Ready, and status.lastFailure if an attempt has failed.", retry=True),
    Reason.SUCCEEDED: Meaning(Group.PROGRESS, "The artifact is published and verified as spec.verification asks.", "Serve it with status.serving.", retry=False),
    Reason.SUSPENDED: Meaning(Group.PROGRESS, "spec.suspend is true.", "Set spec.suspend to false to continue.", retry=True),
    Reason.QUEUED: Meaning(Group.PROGRESS, "The Job waits for its queue to admit it.", "Check the queue in spec.job.queueName.", retry=True),
    Reason.INVALID_SPEC: Meaning(Group.RESOURCE, "The resource cannot be read.", "Correct the field in the message.", retry=False),
    Reason.NAME_CONFLICT: Meaning(Group.RESOURCE, "An object of a required name belongs to something else.", "Delete or rename the object in the message, or rename this resource.", retry=False),
    Reason.VOLUME_NOT_FOUND: Meaning(Group.VOLUME, "The PersistentVolumeClaim does not exist.", "Create the claim, or let the operator do it with spec.output.persistentVolumeClaim.create.", retry=True),
    Reason.VOLUME_PENDING: Meaning(Group.VOLUME, "The PersistentVolumeClaim is not bound.", "Check its StorageClass and `kubectl describe pvc`.", retry=True),
    Reason.VOLUME_NOT_WRITABLE: Meaning(Group.VOLUME, "The pod may not write to the volume.", f"Set spec.job.podSecurityContext.fsGroup, or change the folder's owner to the pod's user, {_THEN_RETRY}.", retry=False, exit_code=40, blames_shards=False),
    Reason.INSUFFICIENT_SPACE: Meaning(Group.VOLUME, "The volume has too little free space.", f"Enlarge the claim; or delete files that are not needed, {_THEN_RETRY}.", retry=False, exit_code=41, blames_shards=False),
    Reason.ACCESS_MODE_UNSUPPORTED: Meaning(Group.VOLUME, "The claim cannot be mounted in the required access mode.", "Use a claim with ReadWriteOnce or ReadWriteMany.", retry=False),
    Reason.VOLUME_UNAVAILABLE: Meaning(Group.VOLUME, "A volume returns I/O errors.", "Check the storage behind the claim and the node's mounts; the operator retries, and nothing is deleted meanwhile.", retry=True, exit_code=42, blames_shards=False),
    Reason.SOURCE_NOT_FOUND: Meaning(Group.SOURCE, "The source does not exist.", f"Correct spec.source (repository, claim, path); or put the model there, {_THEN_RETRY}.", retry=False, exit_code=20),
    Reason.SOURCE_UNAUTHORIZED: Meaning(Group.SOURCE, "The Hub rejected the token, or requires one.", f"Put a valid token in the Secret of tokenSecretRef, {_THEN_RETRY}.", retry=False, exit_code=21),
    Reason.SOURCE_GATED: Meaning(Group.SOURCE, "The repository is gated, and the token's owner has no access.", f"Accept the terms on the model's page on the Hub, or use another token, {_THEN_RETRY}.", retry=False, exit_code=22),
    Reason.SOURCE_UNAVAILABLE: Meaning(Group.SOURCE, "The Hub does not answer, or limits the rate of requests.", "Check the endpoint, the proxy and the network policy; the operator retries, and waiting for a Retry-After of the Hub does not count as an attempt.", retry=True, exit_code=23),
    Reason.REVISION_NOT_FOUND: Meaning(Group.SOURCE, "The repository has no such branch, tag or commit.", "Correct spec.source.huggingFace.revision.", retry=False, exit_code=24),
    Reason.TRANSFER_FAILED: Meaning(Group.SOURCE, "A download was interrupted.", "Nothing: the next attempt resumes it.", retry=True, exit_code=25),
    Reason.SOURCE_INCOMPLETE: Meaning(Group.SOURCE, "A file or a tensor of the source is missing.", f"Add what the message lists to the source, or correct its path, {_THEN_RETRY}.", retry=False, exit_code=26),
    Reason.SOURCE_CORRUPT: Meaning(Group.SOURCE, "A file of the source is damaged.", f"Download the file in the message again, {_THEN_RETRY}.", retry=False, exit_code=27),
    Reason.SOURCE_UNREADABLE: Meaning(Group.SOURCE, "The pod's user may not read a file of the source.", f"Set spec.job.podSecurityContext as the message says, or change the file's owner, {_THEN_RETRY}.", retry=False, exit_code=28),
    Reason.SOURCE_CHANGED: Meaning(Group.SOURCE, "The source changed while it was used.", "Wait until nothing writes to it; the operator retries, and nothing was published from the mixture.", retry=True, exit_code=29),
    Reason.UNSUPPORTED_MODEL: Meaning(Group.ENGINE, "vLLM in this image, or its sharded_state format, does not support this model.", "Use a newer engine image, or serve the model unsharded.", retry=False, exit_code=30),
    Reason.UNSUPPORTED_QUANTIZATION: Meaning(Group.ENGINE, "This quantization cannot be saved as shards, or not on this device.", "Use a checkpoint that is already quantized with a supported method.", retry=False, exit_code=31),
    Reason.INVALID_ENGINE_ARGUMENTS: Meaning(Group.ENGINE, "vLLM rejects these engine arguments for this model.", "Correct spec.engine as the message says.", retry=False, exit_code=32),
    Reason.UNSUPPORTED_ENGINE: Meaning(Group.ENGINE, "This release of vLLM is not supported, or vLLM is not installed.", f"Use an engine image with vLLM {SUPPORTED[0]} to {SUPPORTED[-1]} in spec.engine.image, or a worker that supports the release; outside Kubernetes, install shardwright-worker[engine].", retry=False, exit_code=33, blames_shards=False),
    Reason.DEVICE_UNAVAILABLE: Meaning(Group.ENGINE, "The accelerators of the node cannot be used, or are too few.", "Check the driver and the device plugin of the node; the operator retries.", retry=True, exit_code=50, blames_shards=False),
    Reason.OUT_OF_DEVICE_MEMORY: Meaning(Group.ENGINE, "The model does not fit into the memory of the accelerators.", "Raise tensorParallelSize or use larger accelerators.", retry=False, exit_code=51, blames_shards=False),
    Reason.OUT_OF_MEMORY: Meaning(Group.ENGINE, "The pod needed more memory than its limit.", "For the shard Job, raise spec.job.resources.limits.memory; prepare has a fixed 2Gi: remove files from the source that are not part of the model.", retry=False, exit_code=52, blames_shards=False),
    Reason.COMMUNICATION_FAILED: Meaning(Group.ENGINE, "The ranks lost their connections to each other.", "The operator retries; if it persists, check the node's interconnect and drivers.", retry=True, exit_code=53, blames_shards=False),
    Reason.IMAGE_PULL_FAILED: Meaning(Group.PODS, "The container image cannot be pulled.", "Correct spec.engine.image or spec.job.imagePullSecrets.", retry=True),
    Reason.WORKER_NOT_IN_IMAGE: Meaning(Group.PODS, "The image does not contain the program shardwright-worker.", "Build the engine image from worker/Dockerfile on top of your vLLM image, and set it as spec.engine.image.", retry=False),
    Reason.UNSCHEDULABLE: Meaning(Group.PODS, "No node can take the pod at present.", "Free or add accelerators, or relax nodeSelector, affinity and tolerations.", retry=True),
    Reason.POD_NOT_CREATED: Meaning(Group.PODS, "Kubernetes does not create or start the Job's pod.", "Remove the cause in the message: a quota, an admission rule, or a missing Secret.", retry=True),
    Reason.DEADLINE_EXCEEDED: Meaning(Group.PODS, "The Job ran longer than spec.job.deadline.", "Raise spec.job.deadline, or find out why the stage in the message hangs.", retry=True),
    Reason.DISRUPTED: Meaning(Group.PODS, "The pod was evicted, preempted or lost with its node.", "Nothing: the stage starts again, and the attempt does not count.", retry=True, exit_code=70),
    Reason.NODE_UNREACHABLE: Meaning(Group.PODS, "The pod's node has stopped reporting.", "Wait, or remove the node; the pod is replaced once Kubernetes deletes it.", retry=True),
    Reason.ATTEMPTS_EXHAUSTED: Meaning(Group.PODS, "The last of spec.job.maxAttempts attempts failed.", f"Fix what status.lastFailure reports, {_THEN_RETRY}.", retry=False),
    Reason.DIGESTS_ONLY: Meaning(Group.ARTIFACT, "The bytes were read again; that vLLM loads them is not verified.", "Set spec.verification to Load or Generate to verify it.", retry=False),
    Reason.VERIFICATION_FAILED: Meaning(Group.ARTIFACT, "The saved shards do not load to the same weights.", "Report it with the message. Nothing was published; an artifact published earlier with a weaker verification stays on the volume and is not offered.", retry=False, exit_code=60),
    Reason.ARTIFACT_DAMAGED: Meaning(Group.ARTIFACT, "The published artifact is incomplete or changed.", "Restore it, and the next recheck finds it; or have it rebuilt by setting the annotation reconcile.fluxcd.io/requestedAt.", retry=False, exit_code=61),
    Reason.WORKER_PROTOCOL_ERROR: Meaning(Group.WORKER, "The worker ended without a readable report.", "Read the pod's log; the operator retries.", retry=True, exit_code=80, shard_attempts=UNEXPLAINED_ATTEMPTS),
    Reason.UNEXPECTED_ERROR: Meaning(Group.WORKER, "The worker failed with an error that is not in this table.", "Read the last lines of its log in the message; report it if the cause is not on your side.", retry=True, exit_code=81, blames_shards=False, shard_attempts=UNEXPLAINED_ATTEMPTS),
}
# fmt: on

_BY_EXIT_CODE = {meaning.exit_code: reason for reason, meaning in MEANINGS.items() if meaning.exit_code is not None}


def reason_of_exit_code(exit_code: int) -> Reason | None:
    """Return the reason of a worker's exit code; None for any other code."""
    return _BY_EXIT_CODE.get(exit_code)
