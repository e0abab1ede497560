"""Events: told once, when an outcome is new; none for progress, the Jobs have their own."""

from collections.abc import Iterator

from shardwright_operator.api.status import Status
from shardwright_operator.decide.plan import Event


def events_of(before: Status, after: Status) -> Iterator[Event]:
    """What a person who follows the events should hear of this change of status."""
    failure = after.last_failure
    if failure and (before.last_failure is None or before.last_failure.job != failure.job):
        yield Event("Warning", failure.reason, f"{failure.stage} attempt {failure.attempt}: {failure.message}")
    old, new = before.condition("Ready"), after.condition("Ready")
    if new is None or (old and (old.status, old.reason) == (new.status, new.reason)):
        return
    if new.status == "True":
        yield Event("Normal", new.reason, new.message)
    elif new.status == "False" and not (failure and failure.reason == new.reason):
        yield Event("Warning", new.reason, new.message)
