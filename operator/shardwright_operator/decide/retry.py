"""Whether and when a failed stage runs again, or why its resource is Stalled."""

from datetime import datetime, timedelta

from shardwright_operator.api.duration import seconds
from shardwright_operator.api.names import REQUESTED_AT
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import HISTORY, Failure, RetryRecord, Status
from shardwright_operator.decide.input_hashes import short_hash
from shardwright_operator.decide.observed import Config
from shardwright_operator.decide.scope import Scope, Step
from shardwright_operator.decide.sentences import clause, sentences
from shardwright_operator.decide.verdict import Verdict, retrying, stalled
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import LONGEST_RETRY_AFTER

AGAIN = f"To try again without a change, set the annotation {REQUESTED_AT}"
_DOUBLINGS = 16  # more than any cap needs


def failed_for_good(scope: Scope) -> Step | Scope:
    """Stop with Stalled if retries are over; maintenance and checks for a restored artifact still run."""
    stage, verdict = scope.next_stage, _why_next_not_started(scope)
    if stage is None or verdict is None or verdict.situation != "stalled" or _may_be_published(scope):
        return scope
    damaged = verdict.reason is Reason.ARTIFACT_DAMAGED
    only_checks = stage.maintains or stage.restores or (damaged and stage.stage == "Prepare")
    due = _next_maintenance(scope.status, scope.spec)
    if only_checks and due is not None and scope.now >= due:
        return scope
    wait = (due - scope.now).total_seconds() if due and scope.now < due and (only_checks or damaged) else None
    scope = scope.update(last_handled_reconcile_at=scope.observed.resource.request)
    return Step(scope.status, verdict, (), wait)


def backing_off(scope: Scope) -> Step | Scope:
    """Wait until the next attempt is due."""
    verdict, due = _why_next_not_started(scope), scope.status.retry and scope.status.retry.next_attempt_at
    if verdict is None or verdict.situation != "retrying" or not due:
        return scope
    return Step(scope.status, verdict, (), (due - scope.now).total_seconds())


def _why_next_not_started(scope: Scope) -> Verdict | None:
    """Return why the next attempt may not start now. One that is in status.job was due when it was recorded."""
    return None if scope.attempt else why_not_started(scope)


def _may_be_published(scope: Scope) -> bool:
    """Whether the last shard Job may have published without a report: prepare checks that once, whatever has failed."""
    failure, source, stage = scope.status.last_failure, scope.status.source, scope.next_stage
    unresolved = source is not None and source.inputs == ""
    prepares = stage is not None and stage.stage == "Prepare"
    return unresolved and prepares and failure is not None and failure.stage == "Shard"


def _next_maintenance(status: Status, spec: Spec) -> datetime | None:
    """When the artifact is inspected again after that has failed for good, None if only a change can help."""
    if spec.recheck is None or status.last_failure is None or status.last_failure.time is None:
        return None
    return status.last_failure.time + timedelta(seconds=seconds(spec.recheck.interval))


def retry_record(scope: Scope) -> RetryRecord | None:
    """Return the retry record of these inputs; None if there is none, as other inputs start a new one."""
    record = scope.status.retry
    return record if record is not None and record.inputs == scope.inputs.retry else None


def is_resolved(scope: Scope) -> bool:
    """Return whether a prepare Job that succeeded resets the retry record: not if a shard Job has failed."""
    record = retry_record(scope)
    return record is None or record.stage != "Shard"


def last_failure(scope: Scope) -> Verdict | None:
    """Return how the last attempt with these inputs failed, None if none has."""
    failure, record = scope.status.last_failure, retry_record(scope)
    if failure is None or record is None or not record.failures + record.disruptions:
        return None
    return retrying(failure.reason, failure.message)


def record_failure(scope: Scope, failure: Failure) -> Status:
    """Return the status after a failed attempt."""
    status, record = scope.status, retry_record(scope) or RetryRecord(inputs=scope.inputs.retry)
    history = [*status.failed_attempts, failure][-HISTORY:]
    damage = status.last_failure
    if record.stopped and damage and damage.reason is Reason.ARTIFACT_DAMAGED:
        # A check whether it is restored has failed: that builds nothing, and the next check is an interval away.
        again = damage.model_copy(update={"time": scope.now})
        update = {"last_failure": again, "failed_attempts": history, "job": None, "progress": None}
        return status.model_copy(update=update)
    record = _counted(scope, record, failure)
    return status.model_copy(
        update={"retry": record, "last_failure": failure, "failed_attempts": history, "job": None, "progress": None}
    )


def _counted(scope: Scope, record: RetryRecord, failure: Failure) -> RetryRecord:
    """Return the record with one more failure, or disruption, and when the next attempt is due."""
    limit = limit_of(failure)
    failures, disruptions = record.failures + failure.counts, record.disruptions + (not failure.counts)
    unexplained = record.unexplained + (failure.counts and limit is not None)
    stopped = not MEANINGS[failure.reason].retry or failures >= scope.spec.job.max_attempts
    stopped = stopped or (limit is not None and unexplained >= limit)
    seed = f"{scope.observed.resource.uid}/{failure.attempt}"
    delay = max(backoff(scope.config, failures + disruptions, seed), retry_after(failure))
    return RetryRecord(
        inputs=record.inputs,
        stage=record.stage or ("Shard" if failure.stage == "Shard" else ""),
        failures=failures,
        disruptions=disruptions,
        unexplained=unexplained,
        next_attempt_at=None if stopped else scope.now + timedelta(seconds=delay),
        stopped=stopped,
    )


def limit_of(failure: Failure) -> int | None:
    """Return how many shard Jobs may fail like this, None if only spec.job.maxAttempts limits them."""
    return MEANINGS[failure.reason].shard_attempts if failure.stage == "Shard" else None


def retry_after(failure: Failure) -> float:
    """Return the seconds that the Hub asked to wait for, as far as that is obeyed."""
    asked = failure.retry_after_seconds
    return min(asked, LONGEST_RETRY_AFTER) if asked is not None and asked > 0 else 0.0


def backoff(config: Config, attempts: int, seed: str) -> float:
    """Return the seconds to wait after this many attempts that failed or were disrupted: they double with each.

    They go from `--retry-base` up to `--retry-cap`, flags of the operator.

    A jitter of up to a quarter is added, to the cap, too. It is a hash of the seed, so that each decision arrives at
    the same time.
    """
    jitter = int(short_hash(seed), 16) / 0xFFFFFFFF
    doublings = min(_DOUBLINGS, max(0, attempts - 1))
    return min(config.retry_cap, config.retry_base * 2.0**doublings) * (1 + 0.25 * jitter)


def why_not_started(scope: Scope) -> Verdict | None:
    """Return why no attempt may start now, None if one may."""
    failure, record = scope.status.last_failure, retry_record(scope)
    if failure is None or record is None or not (record.failures or record.disruptions):
        return None
    if record.stopped and MEANINGS[failure.reason].retry:
        return stalled(Reason.ATTEMPTS_EXHAUSTED, _exhausted(scope.spec, record, failure))
    if record.stopped:
        advice = MEANINGS[failure.reason].advice
        return stalled(failure.reason, sentences(failure.message, advice, "" if REQUESTED_AT in advice else AGAIN))
    if record.next_attempt_at and scope.now < record.next_attempt_at:
        follows = _next(scope.status, failure, record.next_attempt_at)
        return retrying(failure.reason, sentences(failure.message, follows))
    return None


def _exhausted(spec: Spec, record: RetryRecord, failure: Failure) -> str:
    tried = f"{record.failures} of {spec.job.max_attempts} attempts failed"
    if record.failures < spec.job.max_attempts:
        tried = f"{record.unexplained} shard Jobs failed for unknown reasons, and no more are tried"
    last = f"{tried}; the last: {failure.reason}: {clause(failure.message)}"
    return sentences(last, MEANINGS[Reason.ATTEMPTS_EXHAUSTED].advice)


def _next(status: Status, failure: Failure, at: datetime) -> str:
    """Return what follows, with the time where that is not a matter of moments."""
    follows = f"Attempt {status.attempt + 1} follows"
    if retry_after(failure):
        until = f"{at:%Y-%m-%d %H:%M:%S} UTC"
        return f"The Hub asked to wait until {until}; attempt {status.attempt + 1} follows then"
    return follows if failure.counts else f"{follows}; this one does not count"
