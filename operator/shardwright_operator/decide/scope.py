"""What one decision is about, and the step that it arrives at."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import JobStatus, Status
from shardwright_operator.decide.attempt import adopt, highest
from shardwright_operator.decide.input_hashes import Inputs, inputs_of, request_of
from shardwright_operator.decide.next_stage import NextStage, is_prepared, is_published, next_stage_of
from shardwright_operator.decide.observed import Claim, Config, Observed
from shardwright_operator.decide.plan import Action
from shardwright_operator.decide.verdict import Verdict

POLL_INTERVAL = 30.0  # seconds until the next decision where no watch reports that what is waited for has changed


@dataclass(frozen=True, slots=True)
class Step:
    """The status without its conditions, the verdict that makes them, the actions, and when to decide again."""

    status: Status
    verdict: Verdict
    actions: tuple[Action, ...] = ()
    requeue_after: float | None = None


@dataclass(frozen=True)
class Scope:
    """The observed state, and `status` as far as it is decided.

    `spec`, `inputs` and what follows from them may be read once the preconditions have found spec and claim usable.
    """

    now: datetime
    config: Config
    observed: Observed
    status: Status
    known_inputs: Inputs | None

    @classmethod
    def of(cls, now: datetime, config: Config, observed: Observed) -> "Scope":
        """Return the scope of one decision."""
        known = observed.resource.status
        image = known.engine_image or config.engine_image
        status = known.model_copy(update={"attempt": highest(observed, known), "engine_image": image})
        return cls(now, config, observed, status, inputs_of(observed, status))

    def with_status(self, status: Status) -> "Scope":
        """Return the same scope with this status, to decide what follows from it."""
        inputs = self.known_inputs and self.known_inputs.with_request(request_of(self.observed, status))
        return replace(self, status=status, known_inputs=inputs)

    def update(self, **fields: Any) -> "Scope":
        """Return the same scope with these fields of its status changed."""
        return self.with_status(self.status.model_copy(update=fields))

    @property
    def spec(self) -> Spec:
        """The spec."""
        assert self.observed.resource.spec is not None
        return self.observed.resource.spec

    @property
    def inputs(self) -> Inputs:
        """The spec and the output claim with their hashes."""
        assert self.known_inputs is not None
        return self.known_inputs

    @property
    def claim(self) -> Claim:
        """The output claim."""
        return self.inputs.claim

    @cached_property
    def next_stage(self) -> NextStage | None:
        """The stage that is needed next, None if nothing is."""
        return next_stage_of(self.now, self.observed, self.status, self.inputs)

    @cached_property
    def attempt(self) -> JobStatus | None:
        """The attempt that exists for the next stage already."""
        return adopt(self.observed, self.status, self.next_stage, self.claim) if self.next_stage else None

    @property
    def prepared(self) -> bool:
        """Whether the source is resolved for what the spec asks for now."""
        return self.known_inputs is not None and is_prepared(self.status, self.known_inputs)

    @property
    def published(self) -> bool:
        """Whether the artifact that the spec asks for is published."""
        return is_published(self.status, self.inputs)


# A check answers with a step, or returns the scope that the next check sees.
Check = Callable[[Scope], Step | Scope]
