"""What is written where the API server refuses a status: one that says so, in ever fewer words."""

from dataclasses import replace
from datetime import datetime

from shardwright_operator.api.names import READY
from shardwright_operator.api.status import Condition, Status
from shardwright_operator.decide import decide
from shardwright_operator.decide.observed import Config, Observed
from shardwright_operator.decide.plan import Plan
from shardwright_operator.kube.errors import ApiError
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import clean

_LIMIT = 500  # characters of the API server's words


def without_words(now: datetime, config: Config, observed: Observed, error: ApiError) -> Plan:
    """The plan for the same world with pods that say nothing: what they say is all that strangers write into a status.

    An attempt that ends with this plan has failed, and counts.
    """
    mute = tuple(replace(pod, termination_message="") for pod in observed.pods)
    plan = decide(now, config, replace(observed, pods=mute, progress={}))
    failure = plan.status.last_failure
    if failure is None or failure == observed.resource.status.last_failure:
        return plan
    words = f"{failure.message}; the API server refuses what its report leads to: {clean(error.message, _LIMIT)}"
    told = failure.model_copy(update={"message": words})
    attempts = [told if one == failure else one for one in plan.status.failed_attempts]
    return replace(plan, status=plan.status.model_copy(update={"last_failure": told, "failed_attempts": attempts}))


def bare(now: datetime, observed: Observed, status: Status, error: ApiError) -> Status:
    """What cannot be refused: who the Job is and how attempts are counted, and the API server's words."""
    generation, old = observed.resource.generation, observed.resource.status.condition(READY)
    changed = old is None or old.status != "False"
    ready = Condition(
        type=READY,
        status="False",
        reason=str(Reason.WORKER_PROTOCOL_ERROR),
        message=f"The API server refuses the status: {clean(error.message, _LIMIT)}",
        observed_generation=generation,
        last_transition_time=now.replace(microsecond=0) if changed or old is None else old.last_transition_time,
    )
    return Status(
        observed_generation=generation,
        conditions=[ready],
        engine_image=status.engine_image,
        attempt=status.attempt,
        job=status.job,
        retry=status.retry,
    )
