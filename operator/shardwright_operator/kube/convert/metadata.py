"""Converts what every object has: its identity, its labels and its owners."""

from datetime import datetime
from sys import intern
from typing import Any

from shardwright_operator.api.names import LABEL_PREFIX
from shardwright_operator.kube.cached_objects import Entry, Key
from shardwright_operator.kube.convert.fields import (
    EPOCH,
    Raw,
    boolean,
    identifier,
    mapping,
    mappings,
    resource_version,
    text,
    timestamp,
)
from shardwright_operator.kube.kinds import CHECKPOINTS, Kind


def to_entry(metadata: Raw, owner: str, value: Any) -> Entry[Any]:
    """Return the cache entry of an object.

    Raises:
        ValueError: it has no name or no uid.
    """
    name, uid = identifier(metadata, "name"), identifier(metadata, "uid")
    if not (name and uid):
        raise ValueError("metadata has no name or no uid")
    # Interned: thousands of objects share a few namespaces.
    return Entry(Key(intern(identifier(metadata, "namespace")), name), uid, resource_version(metadata), owner, value)


def created_at(metadata: Raw) -> datetime:
    """Return when the object was created, 1970 if its metadata does not say."""
    return timestamp(metadata, "creationTimestamp") or EPOCH


def our_labels(metadata: Raw) -> dict[str, str]:
    """Return the labels of the operator's own prefix."""
    labels = mapping(metadata, "labels")
    return {intern(name): identifier(labels, name) for name in labels if name.startswith(LABEL_PREFIX)}


def controller_of(metadata: Raw, kind: Kind) -> tuple[str, str]:
    """Return name and uid of the object's controller, empty if it has none of this kind and group, in any version.

    https://github.com/kubernetes/apimachinery/blob/v0.36.3/pkg/apis/meta/v1/types.go#L315
    """
    for one in mappings(metadata, "ownerReferences"):
        if boolean(one, "controller") and _is_of(one, kind):
            return identifier(one, "name"), identifier(one, "uid")
    return "", ""


def owning_checkpoints(metadata: Raw) -> tuple[tuple[str, str], ...]:
    """Return names and uids of all ShardedCheckpoints that own the object: it is deleted with the last of them."""
    return tuple(
        (identifier(one, "name"), identifier(one, "uid"))
        for one in mappings(metadata, "ownerReferences")
        if _is_of(one, CHECKPOINTS)
    )


def _is_of(reference: Raw, kind: Kind) -> bool:
    group = text(reference, "apiVersion").rpartition("/")[0]
    return (group, text(reference, "kind")) == (kind.group, kind.kind)
