"""A cached resource to the types that decisions use."""

import json
from functools import lru_cache

from pydantic import ValidationError

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status
from shardwright_operator.decide.world import Resource
from shardwright_operator.kube.entries import ResourceEntry


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
    status, ready = resource.status, resource.status.condition("Ready")
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
        return Status.model_validate_json(text)
    except ValidationError as error:
        return _readable(text, error)


def _readable(text: bytes, error: ValidationError) -> Status:
    """The status without the parts that cannot be read, which are rebuilt from the world; numbers of attempts are not.

    Somebody has edited it, or a newer operator has written it.
    """
    odd = {str(told["loc"][0]) for told in error.errors() if told["loc"]}
    parts = json.loads(text) if odd else {}
    try:
        return Status.model_validate({name: part for name, part in parts.items() if name not in odd})
    except ValidationError:
        return Status()


def _explain(error: ValidationError) -> str:
    told = error.errors()[0]
    place = ".".join(["spec", *(str(one) for one in told["loc"])])
    return f"{place}: {told['msg']}"
