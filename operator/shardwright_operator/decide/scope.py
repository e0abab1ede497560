"""One resource with a claim that can be used, and the step that a decision makes of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status
from shardwright_operator.decide.fingerprint import artifact_inputs, retry_inputs
from shardwright_operator.decide.next_stage import Need, find_need, is_published
from shardwright_operator.decide.observed import Claim, Config, Observed
from shardwright_operator.decide.plan import Action
from shardwright_operator.decide.request import request_of
from shardwright_operator.decide.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Step:
    """The status without its conditions, the verdict that makes them, and what to do."""

    status: Status
    verdict: Verdict
    actions: tuple[Action, ...] = ()
    requeue_after: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What one decision is about. The claim is there and usable."""

    now: datetime
    config: Config
    observed: Observed
    spec: Spec
    claim: Claim

    @property
    def status(self) -> Status:
        """The status as far as it is decided."""
        return self.observed.resource.status

    def after(self, status: Status) -> "Case":
        """The same world with this status, to decide what follows from it at once."""
        resource = replace(self.observed.resource, status=status)
        return replace(self, observed=replace(self.observed, resource=resource))

    def update(self, **fields: Any) -> "Case":
        """The same world with these fields of its status changed."""
        return self.after(self.status.model_copy(update=fields))

    def need(self) -> Need | None:
        """What is needed with the status of this case."""
        return find_need(self.now, self.config, self.observed, self.spec, self.claim)

    def wanted(self) -> str:
        """Which artifact the spec asks for."""
        return artifact_inputs(self.config, self.observed.resource, self.spec)

    def published(self) -> bool:
        """Whether that artifact is published."""
        return is_published(self.config, self.observed, self.spec, self.claim)

    def retry_inputs(self) -> str:
        """What failures are counted for."""
        resource, request = self.observed.resource, request_of(self.observed)
        return retry_inputs(self.config, resource, self.spec, request, self.claim)
