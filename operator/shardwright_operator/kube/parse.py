"""A cached resource to the types that decisions use."""

from pydantic import ValidationError

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status
from shardwright_operator.decide.world import Resource
from shardwright_operator.kube.entries import ResourceEntry


def parse(entry: ResourceEntry) -> Resource:
    """The resource; one whose spec cannot be read says why instead."""
    spec, invalid = None, ""
    try:
        spec = Spec.model_validate_json(entry.value.spec)
    except ValidationError as error:
        invalid = _explain(error)
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
    )


def is_settled(resource: Resource) -> bool:
    """Whether the resource is Ready for its current generation and nothing new was asked for."""
    status = resource.status
    ready = any(
        one.type == "Ready" and one.status == "True" and one.observed_generation == resource.generation
        for one in status.conditions
    )
    return ready and resource.requested_at == status.last_handled_reconcile_at


def wants_claim_users(resource: Resource) -> bool:
    """Whether older artifacts may be pruned, so that it matters who mounts them."""
    return resource.spec is not None and bool(getattr(resource.spec.output, "keep", None))


def _status(text: bytes) -> Status:
    try:
        return Status.model_validate_json(text)
    except ValidationError:
        return Status()  # whatever it was, it is rebuilt from the world


def _explain(error: ValidationError) -> str:
    told = error.errors()[0]
    place = ".".join(["spec", *(str(one) for one in told["loc"])])
    return f"{place}: {told['msg']}"
