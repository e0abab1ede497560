"""What is written when the API server rejects a status: statuses with less and less text of others in them."""

from dataclasses import replace
from datetime import datetime

from shardwright_operator.api.names import READY
from shardwright_operator.api.status import Condition, Status
from shardwright_operator.decide import decide
from shardwright_operator.decide.observed import Config, Observed
from shardwright_operator.decide.plan import Plan
from shardwright_operator.kube.errors import ApiError
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import one_line

_LIMIT = 500  # characters of the API server's message


def plan_without_reports(now: datetime, config: Config, observed: Observed, error: ApiError) -> Plan:
    """Decide again without the pods' reports, which are all that a program other than the operator adds to a status.

    An attempt that ends with this plan has failed, and counts.
    """
    silent = tuple(replace(pod, termination_message="") for pod in observed.pods)
    plan = decide(now, config, replace(observed, pods=silent, progress={}))
    failure = plan.status.last_failure
    if failure is None or failure == observed.resource.status.last_failure:
        return plan
    rejection = f"the API server rejects the status that its report leads to: {one_line(error.message, _LIMIT)}"
    explained = failure.model_copy(update={"message": f"{failure.message}; {rejection}"})
    attempts = [explained if one == failure else one for one in plan.status.failed_attempts]
    return replace(plan, status=plan.status.model_copy(update={"last_failure": explained, "failed_attempts": attempts}))


def minimal_status(now: datetime, observed: Observed, status: Status, error: ApiError) -> Status:
    """Return a status that cannot be rejected: the Job on record, the counts of attempts, and what was rejected."""
    generation, old = observed.resource.generation, observed.resource.status.condition(READY)
    changed = old is None or old.status != "False"
    ready = Condition(
        type=READY,
        status="False",
        reason=str(Reason.WORKER_PROTOCOL_ERROR),
        message=f"The API server rejects the status: {one_line(error.message, _LIMIT)}",
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
        accelerator_time=status.accelerator_time,
    )
