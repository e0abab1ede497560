"""Whether and when a failed stage runs again."""

from datetime import datetime, timedelta

from shardwright_operator.api.duration import seconds
from shardwright_operator.api.names import REQUESTED_AT
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import HISTORY, Failure, Retry, Status
from shardwright_operator.decide.fingerprint import short_hash
from shardwright_operator.decide.job_result import LONGEST_REST
from shardwright_operator.decide.observed import Config
from shardwright_operator.decide.sentences import clause, sentences
from shardwright_operator.decide.verdict import Verdict, stalled, waiting
from shardwright_worker.contract.reasons import MEANINGS, Reason

AGAIN = f"To try again without a change, set the annotation {REQUESTED_AT}"
_DOUBLINGS = 16  # more than any cap needs


def current(status: Status, inputs: str) -> Retry:
    """The record of failures for these inputs; other inputs start afresh."""
    return status.retry if status.retry and status.retry.inputs == inputs else Retry(inputs=inputs)


def record(
    status: Status, spec: Spec, config: Config, retry: Retry, failure: Failure, uid: str, now: datetime
) -> Status:
    """The status after a failed attempt."""
    damage = status.last_failure
    if retry.stopped and damage and damage.reason is Reason.ARTIFACT_DAMAGED:
        # A look whether it is restored has failed: that builds nothing, and the next look is an interval away.
        again, seen = damage.model_copy(update={"time": now}), [*status.failed_attempts, failure][-HISTORY:]
        return status.model_copy(update={"last_failure": again, "failed_attempts": seen, "job": None, "progress": None})
    failures, disruptions = retry.failures + failure.counts, retry.disruptions + (not failure.counts)
    unexplained = retry.unexplained + (failure.counts and limit_of(failure) is not None)
    limit = limit_of(failure)
    stopped = not MEANINGS[failure.reason].retry or failures >= spec.job.max_attempts
    stopped = stopped or (limit is not None and unexplained >= limit)
    pause = max(backoff(config, failures + disruptions, f"{uid}/{failure.attempt}"), rest_of(failure))
    return status.model_copy(
        update={
            "retry": Retry(
                inputs=retry.inputs,
                stage=retry.stage or ("Shard" if failure.stage == "Shard" else ""),
                failures=failures,
                disruptions=disruptions,
                unexplained=unexplained,
                next_attempt_at=None if stopped else now + timedelta(seconds=pause),
                stopped=stopped,
            ),
            "last_failure": failure,
            "failed_attempts": [*status.failed_attempts, failure][-HISTORY:],
            "job": None,
            "progress": None,
        }
    )


def limit_of(failure: Failure) -> int | None:
    """How many shard Jobs may end like this, None if only spec.job.maxAttempts tells."""
    return MEANINGS[failure.reason].shard_attempts if failure.stage == "Shard" else None


def rest_of(failure: Failure) -> float:
    """Seconds for which the hub asked to be left alone, as far as that is obeyed."""
    asked = failure.retry_after_seconds
    return min(asked, LONGEST_REST) if asked is not None and asked > 0 else 0.0


def is_made_good(status: Status, inputs: str) -> bool:
    """Whether a prepare Job that went well ends the record of failures: not if a shard Job has failed."""
    return current(status, inputs).stage != "Shard"


def backoff(config: Config, failures: int, seed: str) -> float:
    """Seconds to wait: doubles with each failure, with a jitter of up to a quarter that is the same at each look."""
    jitter = int(short_hash(seed), 16) / 0xFFFFFFFF
    doublings = min(_DOUBLINGS, max(0, failures - 1))
    return min(config.retry_cap, config.retry_base * 2.0**doublings) * (1 + 0.25 * jitter)


def hold(status: Status, spec: Spec, retry: Retry, now: datetime) -> Verdict | None:
    """Why no attempt may start now, None if one may."""
    failure = status.last_failure
    if failure is None or not (retry.failures or retry.disruptions):
        return None
    if retry.stopped and MEANINGS[failure.reason].retry:
        return stalled(Reason.ATTEMPTS_EXHAUSTED, _exhausted(spec, retry, failure))
    if retry.stopped:
        advice = MEANINGS[failure.reason].advice
        return stalled(failure.reason, sentences(failure.message, advice, "" if REQUESTED_AT in advice else AGAIN))
    if retry.next_attempt_at and now < retry.next_attempt_at:
        return waiting(failure.reason, sentences(failure.message, _next(status, failure, retry.next_attempt_at)))
    return None


def _exhausted(spec: Spec, retry: Retry, failure: Failure) -> str:
    tried = f"{retry.failures} of {spec.job.max_attempts} attempts failed"
    if retry.failures < spec.job.max_attempts:
        tried = f"{retry.unexplained} shard Jobs failed for reasons that are not understood, and no more are tried"
    last = f"{tried}; the last: {failure.reason}: {clause(failure.message)}"
    return sentences(last, MEANINGS[Reason.ATTEMPTS_EXHAUSTED].advice)


def _next(status: Status, failure: Failure, at: datetime) -> str:
    """What comes next. The time is told where it is not a matter of moments."""
    follows = f"Attempt {status.attempt + 1} follows"
    if rest_of(failure):
        until = f"{at:%Y-%m-%d %H:%M:%S} UTC"
        return f"The hub asked to be left alone until {until}; attempt {status.attempt + 1} follows then"
    return follows if failure.counts else f"{follows}; this one does not count"


def last(status: Status, retry: Retry) -> Verdict | None:
    """How the last attempt on this record went, None if none has failed."""
    failure = status.last_failure
    return waiting(failure.reason, failure.message) if failure and retry.failures + retry.disruptions else None


def next_upkeep(status: Status, spec: Spec) -> datetime | None:
    """When to look after the artifact again after that has failed for good, None if only a change can help."""
    if spec.recheck is None or status.last_failure is None or status.last_failure.time is None:
        return None
    return status.last_failure.time + timedelta(seconds=seconds(spec.recheck.interval))
