"""How a resource stands: one of five situations, with a reason and a message for people."""

from dataclasses import dataclass
from typing import Literal

from shardwright_worker.contract.reasons import Reason

Situation = Literal["working", "retrying", "stalled", "done", "suspended"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A situation of the table of conditions. `message` is for people."""

    situation: Situation
    reason: Reason
    message: str


def working(message: str, reason: Reason = Reason.PROGRESSING) -> Verdict:
    """Work goes on."""
    return Verdict("working", reason, message)


def waiting(reason: Reason, message: str) -> Verdict:
    """Something is in the way that can pass by itself."""
    return Verdict("retrying", reason, message)


def stalled(reason: Reason, message: str) -> Verdict:
    """A person is needed."""
    return Verdict("stalled", reason, message)


def done(message: str) -> Verdict:
    """The artifact is published and proven."""
    return Verdict("done", Reason.SUCCEEDED, message)


def suspended() -> Verdict:
    """The user has stopped the resource."""
    return Verdict("suspended", Reason.SUSPENDED, "spec.suspend is true")
