"""Converts a PersistentVolumeClaim."""

from sys import intern

from shardwright_operator.decide.observed import Claim
from shardwright_operator.kube.cached_objects import ClaimEntry
from shardwright_operator.kube.convert.fields import Raw, identifier, mapping, quantity, text, texts, timestamp
from shardwright_operator.kube.convert.malformed import converter
from shardwright_operator.kube.convert.metadata import controller_of, owning_checkpoints, to_entry
from shardwright_operator.kube.kinds import CHECKPOINTS, CLAIMS


@converter(CLAIMS)
def convert_claim(raw: Raw) -> ClaimEntry:
    """Return the entry of a claim, whether the operator or a user created it."""
    metadata, spec, status = mapping(raw, "metadata"), mapping(raw, "spec"), mapping(raw, "status")
    claim = Claim(
        name=identifier(metadata, "name"),
        uid=identifier(metadata, "uid"),
        phase=intern(text(status, "phase") or "Pending"),
        # The status has what the volume can do, once there is one; the spec what was asked for.
        access_modes=tuple(map(intern, texts(status, "accessModes") or texts(spec, "accessModes"))),
        deleting="deletionTimestamp" in metadata,
        capacity=quantity(text(mapping(status, "capacity"), "storage") or None),
        created_at=timestamp(metadata, "creationTimestamp"),
        owners=owning_checkpoints(metadata),
    )
    return to_entry(metadata, controller_of(metadata, CHECKPOINTS)[1], claim)
