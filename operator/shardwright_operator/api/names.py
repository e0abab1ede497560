"""Every name that the operator shares with the cluster: of the resource, its labels, annotations and conditions.

Labels of the operator's own have the group as prefix, as
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ asks for. Condition types follow
https://github.com/kubernetes/community/blob/main/contributors/devel/sig-architecture/api-conventions.md, and Ready,
Reconciling and Stalled are those that kstatus reads:
https://github.com/fluxcd/cli-utils/blob/v1.2.2/pkg/kstatus/README.md
"""

# The resource.
GROUP = "shardwright.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ShardedCheckpoint"
PLURAL = "shardedcheckpoints"
SHORT_NAME = "sckpt"
CATEGORY = "shardwright"
CRD = f"{PLURAL}.{GROUP}"

# Who writes: the value of the label managed-by, and the controller that Events report.
MANAGER = "shardwright"
CONTROLLER = f"{GROUP}/operator"

# The container of a Job's pod that runs the worker; admission webhooks may add others.
WORKER_CONTAINER = "worker"

# Labels of Jobs, of their pods and of created claims.
LABEL_PREFIX = f"{GROUP}/"
MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
CHECKPOINT = f"{LABEL_PREFIX}checkpoint"
CHECKPOINT_UID = f"{LABEL_PREFIX}checkpoint-uid"
STAGE = f"{LABEL_PREFIX}stage"
ATTEMPT = f"{LABEL_PREFIX}attempt"
INPUTS = f"{LABEL_PREFIX}inputs"  # hash of what the Job was made for
# Labels of Jobs alone.
TEMPLATE = f"{LABEL_PREFIX}template"  # hash of the job settings that the Job was created with
VERIFICATION = f"{LABEL_PREFIX}verification"  # spec.verification that the Job was created with
SUSPENDED_LABEL = f"{LABEL_PREFIX}suspended"  # on a Job that the operator itself has suspended, and on no other
QUEUE = "kueue.x-k8s.io/queue-name"  # https://kueue.sigs.k8s.io/docs/tasks/run/jobs/

# The annotation by which a user asks for a reconciliation; `flux reconcile` sets it, too:
# https://fluxcd.io/flux/components/source/gitrepositories/#triggering-a-reconcile
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"

# Condition types. The first three summarize and have a fixed meaning for tools, the others say how far it is.
READY, RECONCILING, STALLED = "Ready", "Reconciling", "Stalled"
VOLUME_READY, SOURCE_READY, SHARDS_COMPLETE = "VolumeReady", "SourceReady", "ShardsComplete"
METADATA_COMPLETE, VERIFIED = "MetadataComplete", "Verified"
DETAILS = (VOLUME_READY, SOURCE_READY, SHARDS_COMPLETE, METADATA_COMPLETE, VERIFIED)
CONDITIONS = (READY, RECONCILING, STALLED, *DETAILS)
