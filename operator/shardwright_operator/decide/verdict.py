"""The state of a resource in one of five situations, with a reason and a message for users.

The checks that reconcile.py lists make the verdicts; conditions.py makes conditions of them.
"""

from dataclasses import dataclass, replace
from typing import Literal

from shardwright_operator.api.status import Artifact
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.verification_levels import satisfies

Subject = Literal["", "source"]
Situation = Literal["working", "retrying", "stalled", "done", "suspended"]
_NOT_FAILING = (Reason.PROGRESSING, Reason.QUEUED, Reason.SUCCEEDED, Reason.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A situation, which conditions.py maps to conditions.

    `about`: the claim that it is about, where the reason does not say it. `problem`: the error in the maintenance of an
    artifact that stays published.
    """

    situation: Situation
    reason: Reason
    message: str
    about: Subject = ""
    problem: "Verdict | None" = None

    @property
    def failing(self) -> bool:
        """Whether something is wrong, be it retried or not."""
        return self.situation in ("retrying", "stalled") or self.reason not in _NOT_FAILING


def working(message: str, reason: Reason = Reason.PROGRESSING) -> Verdict:
    """Work goes on."""
    return Verdict("working", reason, message)


def retrying(reason: Reason, message: str, about: Subject = "") -> Verdict:
    """Something fails that can be resolved without a change of the resource."""
    return Verdict("retrying", reason, message, about)


def stalled(reason: Reason, message: str) -> Verdict:
    """Only the user can resolve it."""
    return Verdict("stalled", reason, message)


def done(artifact: Artifact, problem: Verdict | None = None) -> Verdict:
    """The artifact is published, and verified as asked."""
    message = describe(artifact) + (f"; its maintenance failed: {problem.message}" if problem else "")
    return Verdict("done", Reason.SUCCEEDED, message, problem=problem)


def describe(artifact: Artifact) -> str:
    """Return what is known of a published artifact, and no more than that."""
    if satisfies(artifact.verified_by, "Load"):
        return f"Artifact {artifact.path} is published and proven ({artifact.verified_by})"
    return f"Artifact {artifact.path} is published; its bytes were read again, and nothing else (Digests)"


def suspended() -> Verdict:
    """The user has suspended the resource."""
    return Verdict("suspended", Reason.SUSPENDED, "spec.suspend is true")


def paused(problem: Verdict) -> Verdict:
    """The user has suspended the resource, and something is wrong with it."""
    return replace(problem, situation="suspended")
