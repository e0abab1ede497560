"""Converts an Event, which may come from any component of the cluster."""

from shardwright_operator.decide.observed import ObservedEvent
from shardwright_operator.kube.convert.fields import EPOCH, Raw, identifier, mapping, text, timestamp
from shardwright_operator.kube.convert.malformed import converter
from shardwright_operator.kube.kinds import EVENTS


@converter(EVENTS)
def convert_event(raw: Raw) -> ObservedEvent:
    """Return an event of events.k8s.io/v1. Components of the core/v1 API fill its deprecated fields only.

    https://github.com/kubernetes/api/blob/v0.36.3/events/v1/types.go#L95
    """
    regarding, metadata = mapping(raw, "regarding"), mapping(raw, "metadata")
    times = (
        timestamp(mapping(raw, "series"), "lastObservedTime"),
        timestamp(raw, "deprecatedLastTimestamp"),
        timestamp(raw, "eventTime"),
        timestamp(metadata, "creationTimestamp"),
    )
    return ObservedEvent(
        kind=text(regarding, "kind"),
        name=identifier(regarding, "name"),
        reason=text(raw, "reason"),
        message=text(raw, "note"),
        time=next((one for one in times if one), EPOCH),
        normal=text(raw, "type") == "Normal",
    )
