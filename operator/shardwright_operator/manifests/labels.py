"""The labels of our children; none of the user's are copied."""

from shardwright_operator.api import names


def labels_of(resource: str, uid: str) -> dict[str, str]:
    """Labels that lead from a child to its resource."""
    return {
        names.MANAGED_BY: names.MANAGER,
        names.COMPONENT: "worker",
        names.CHECKPOINT: resource[:63].rstrip("-."),
        names.CHECKPOINT_UID: uid,
    }


def owner_of(resource: str, uid: str) -> dict[str, object]:
    """The owner reference of a child that goes with its resource."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": resource,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
