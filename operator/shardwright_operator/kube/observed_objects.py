"""A cached resource to the types that decisions use."""

import json
import re
from functools import lru_cache

from pydantic import ValidationError

from shardwright_operator.api.names import READY
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status
from shardwright_operator.decide.observed import Resource
from shardwright_operator.kube.cached_objects import ResourceEntry

_NO_TIME = re.compile(rb'"(?:0\d|1[0-8]|[3-9]\d)\d\d-\d\d-\d\d[Tt ]')  # of years with which nobody can reckon
_WORDS = "lastHandledReconcileAt"  # its user's own


def parse(entry: ResourceEntry) -> Resource:
    """The resource; one whose spec cannot be read says why instead."""
    spec, invalid = _spec(entry.value.spec)
    return Resource(
        namespace=entry.key.namespace,
        name=entry.key.name,
        uid=entry.uid,
        generation=entry.value.generation,
        resource_version=str(entry.version),
        deleting=entry.value.deleting,
        requested_at=entry.value.requested_at,
        spec=spec,
        status=_status(entry.value.status),
        invalid=invalid,
        created_at=entry.value.created_at,
    )


def is_settled(resource: Resource) -> bool:
    """Whether the resource is Ready for its current generation, no Job is on record and nothing new was asked for."""
    status, ready = resource.status, resource.status.condition(READY)
    if ready is None or (ready.status, ready.observed_generation) != ("True", resource.generation):
        return False
    return status.job is None and resource.request == status.last_handled_reconcile_at


@lru_cache(maxsize=256)
def _spec(text: bytes) -> tuple[Spec | None, str]:
    """The spec, or why it cannot be read. A resource is looked at a dozen times while it is worked on."""
    try:
        return Spec.model_validate_json(text), ""
    except ValidationError as error:
        return None, _explain(error)


def _status(text: bytes) -> Status:
    try:
        status = Status.model_validate_json(text)
    except ValidationError as error:
        return _without(text, {str(told["loc"][0]) for told in error.errors() if told["loc"]})
    return _without(text, set()) if _NO_TIME.search(text) else status


def _without(text: bytes, odd: set[str]) -> Status:
    """The status without these parts and those with absurd times: all is rebuilt from the world but what is counted.

    Somebody has edited it, or a newer operator has written it.
    """
    try:
        parts = json.loads(text)
        absurd = {name for name, part in parts.items() if _NO_TIME.search(json.dumps(part).encode())} - {_WORDS}
        return Status.model_validate({name: part for name, part in parts.items() if name not in odd | absurd})
    except (ValueError, AttributeError):
        return Status()


def _explain(error: ValidationError) -> str:
    told = error.errors()[0]
    place = ".".join(["spec", *(str(one) for one in told["loc"])])
    return f"{place}: {told['msg']}"
