"""How a resource stands: one of five situations, with a reason and a message for people."""

from dataclasses import dataclass, replace
from typing import Literal

from shardwright_operator.api.status import Artifact
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.verification_levels import satisfies

Subject = Literal["", "source"]
Situation = Literal["working", "retrying", "stalled", "done", "suspended"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A situation of the table of conditions. `message` is for people.

    `about`: which claim it is about, where the reason does not say it. `trouble`: what went wrong in looking after an
    artifact that stays published.
    """

    situation: Situation
    reason: Reason
    message: str
    about: Subject = ""
    trouble: "Verdict | None" = None

    @property
    def failing(self) -> bool:
        """Whether something is wrong, however it goes on."""
        return self.situation in ("retrying", "stalled") or self.reason not in _CALM


_CALM = (Reason.PROGRESSING, Reason.QUEUED, Reason.SUCCEEDED, Reason.SUSPENDED)


def working(message: str, reason: Reason = Reason.PROGRESSING) -> Verdict:
    """Work goes on."""
    return Verdict("working", reason, message)


def waiting(reason: Reason, message: str, about: Subject = "") -> Verdict:
    """Something is in the way that can pass by itself."""
    return Verdict("retrying", reason, message, about)


def stalled(reason: Reason, message: str) -> Verdict:
    """A person is needed."""
    return Verdict("stalled", reason, message)


def done(artifact: Artifact, trouble: Verdict | None = None) -> Verdict:
    """The artifact is published and proven as asked."""
    message = describe(artifact) + (f"; looking after it failed: {trouble.message}" if trouble else "")
    return Verdict("done", Reason.SUCCEEDED, message, trouble=trouble)


def describe(artifact: Artifact) -> str:
    """What is known of a published artifact, and no more than that."""
    if satisfies(artifact.verified_by, "Load"):
        return f"Artifact {artifact.path} is published and proven ({artifact.verified_by})"
    return f"Artifact {artifact.path} is published; its bytes were read again, and nothing else (Digests)"


def suspended() -> Verdict:
    """The user has stopped the resource."""
    return Verdict("suspended", Reason.SUSPENDED, "spec.suspend is true")


def paused(problem: Verdict) -> Verdict:
    """The user has stopped the resource, and something is wrong that will have to be put right."""
    return replace(problem, situation="suspended")
