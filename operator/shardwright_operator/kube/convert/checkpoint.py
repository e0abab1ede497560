"""Converts a ShardedCheckpoint."""

import json

from shardwright_operator.api.names import REQUESTED_AT
from shardwright_operator.api.output_folder import normalized
from shardwright_operator.kube.cached_objects import CachedCheckpoint, ResourceEntry
from shardwright_operator.kube.convert.fields import Raw, identifier, integer, mapping, text
from shardwright_operator.kube.convert.malformed import converter
from shardwright_operator.kube.convert.metadata import created_at, to_entry
from shardwright_operator.kube.kinds import CHECKPOINTS


@converter(CHECKPOINTS)
def convert_checkpoint(raw: Raw) -> ResourceEntry:
    """Return the entry of a ShardedCheckpoint. Its spec is not validated here: a condition has to say what is wrong."""
    metadata = mapping(raw, "metadata")
    spec = raw.get("spec") or {}
    cached = CachedCheckpoint(
        generation=integer(metadata, "generation") or 0,
        deleting="deletionTimestamp" in metadata,
        requested_at=text(mapping(metadata, "annotations"), REQUESTED_AT) or None,
        spec=_json(spec),
        status=_json(raw.get("status") or {}),
        claims=_claims(spec),
        created_at=created_at(metadata),
        folder=_output_folder(metadata, spec),
    )
    return to_entry(metadata, identifier(metadata, "uid"), cached)


def _json(value: object) -> bytes:
    # Unpaired surrogates, which UTF-8 does not encode, become question marks.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def _claims(spec: object) -> tuple[str, ...]:
    """Return the names of the claims that a spec names, whatever else it holds."""
    ends = [spec.get(end) for end in ("source", "output")] if isinstance(spec, dict) else []
    claims = [end.get("persistentVolumeClaim") for end in ends if isinstance(end, dict)]
    names = [claim.get("claimName") for claim in claims if isinstance(claim, dict)]
    return tuple({name: None for name in names if name and isinstance(name, str)})


def _output_folder(metadata: Raw, spec: object) -> tuple[str, str]:
    """Return the output claim and the normalized folder of the artifacts in it, empty if the spec is malformed."""
    output = spec.get("output") if isinstance(spec, dict) else None
    claim = output.get("persistentVolumeClaim") if isinstance(output, dict) else None
    name, path = claim.get("claimName") if isinstance(claim, dict) else "", (output or {}).get("path")
    if not isinstance(name, str) or not isinstance(path, str | None):
        return "", ""
    return name, normalized(path or f"{text(metadata, 'namespace')}/{identifier(metadata, 'name')}")
