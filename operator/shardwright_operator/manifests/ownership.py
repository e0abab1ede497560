"""How a child object refers to its resource: by labels, and by its owner reference."""

from shardwright_operator.api.names import API_VERSION, CHECKPOINT, CHECKPOINT_UID, COMPONENT, KIND, MANAGED_BY, MANAGER

_LABEL_LIMIT = 63  # https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/


def labels_of(resource: str, uid: str) -> dict[str, str]:
    """Return the labels that select the children of a resource."""
    return {
        MANAGED_BY: MANAGER,
        COMPONENT: "worker",
        CHECKPOINT: resource[:_LABEL_LIMIT].rstrip("-."),
        CHECKPOINT_UID: uid,
    }


def owner_of(resource: str, uid: str) -> dict[str, object]:
    """Return the owner reference of a child that is deleted with its resource.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/
    """
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": resource,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
