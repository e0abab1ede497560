"""The labels of our children; none of the user's are copied."""

MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
CHECKPOINT = "shardwright.io/checkpoint"
CHECKPOINT_UID = "shardwright.io/checkpoint-uid"
SUSPENDED = "shardwright.io/suspended"  # on a Job that the operator itself has suspended, and on no other
# The level of spec.verification that a Job was created with: it may have been edited since.
VERIFICATION = "shardwright.io/verification"
QUEUE = "kueue.x-k8s.io/queue-name"


def labels_of(resource: str, uid: str) -> dict[str, str]:
    """Labels that lead from a child to its resource."""
    return {
        MANAGED_BY: "shardwright",
        COMPONENT: "worker",
        CHECKPOINT: resource[:63].rstrip("-."),
        CHECKPOINT_UID: uid,
    }


def owner_of(resource: str, uid: str) -> dict[str, object]:
    """The owner reference of a child that goes with its resource."""
    return {
        "apiVersion": "shardwright.io/v1alpha1",
        "kind": "ShardedCheckpoint",
        "name": resource,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
