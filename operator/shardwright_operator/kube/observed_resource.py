"""Parses a cached ShardedCheckpoint into the types that decisions use."""

import json
import re
from functools import lru_cache

from pydantic import ValidationError

from shardwright_operator.api.names import READY
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status
from shardwright_operator.decide.observed import Resource
from shardwright_operator.kube.cached_objects import ResourceEntry

# Times before the year 1900 or after 2999, with which arithmetic on times overflows.
_ABSURD_TIME = re.compile(rb'"(?:0\d|1[0-8]|[3-9]\d)\d\d-\d\d-\d\d[Tt ]')
_FREE_TEXT = "lastHandledReconcileAt"  # a field that a user fills as they like, with a time or not


def parse_resource(entry: ResourceEntry) -> Resource:
    """Return the resource; if its spec is invalid, `invalid` says why and `spec` is None."""
    spec, invalid = _parse_spec(entry.value.spec)
    return Resource(
        namespace=entry.key.namespace,
        name=entry.key.name,
        uid=entry.uid,
        generation=entry.value.generation,
        resource_version=str(entry.version),
        deleting=entry.value.deleting,
        requested_at=entry.value.requested_at,
        spec=spec,
        status=parse_status(entry.value.status),
        invalid=invalid,
        created_at=entry.value.created_at,
    )


def is_settled(resource: Resource) -> bool:
    """Return whether the resource is Ready for its generation, has no Job on record, and has no new request."""
    status, ready = resource.status, resource.status.condition(READY)
    if ready is None or (ready.status, ready.observed_generation) != ("True", resource.generation):
        return False
    return status.job is None and resource.request == status.last_handled_reconcile_at


def parse_status(data: bytes) -> Status:
    """Return a status without the fields that are malformed, which decisions rebuild from the Jobs.

    Another client may have edited it, or a newer operator may have written it.
    """
    try:
        status = Status.model_validate_json(data)
    except ValidationError as error:
        return _without(data, {str(one["loc"][0]) for one in error.errors() if one["loc"]})
    return _without(data, set()) if _ABSURD_TIME.search(data) else status


@lru_cache(maxsize=256)
def _parse_spec(data: bytes) -> tuple[Spec | None, str]:
    """Return the spec, or why it is invalid. Cached: a resource is reconciled a dozen times with the same spec."""
    try:
        return Spec.model_validate_json(data), ""
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(["spec", *(str(one) for one in first["loc"])])
        return None, f"{path}: {first['msg']}"


def _without(data: bytes, malformed: set[str]) -> Status:
    """Return the status without these fields and without those that hold absurd times, an empty one if that fails."""
    try:
        fields = json.loads(data)
        absurd = {name for name, field in fields.items() if _ABSURD_TIME.search(json.dumps(field).encode())}
        dropped = malformed | (absurd - {_FREE_TEXT})
        return Status.model_validate({name: field for name, field in fields.items() if name not in dropped})
    except (ValueError, AttributeError):
        return Status()
