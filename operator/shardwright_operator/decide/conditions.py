"""The table of conditions: from a verdict to what `kubectl`, kstatus and Argo CD read.

situation   Ready              Reconciling                  Stalled
working     Unknown / reason   True                         -
retrying    False / reason     True / ProgressingWithRetry  -
stalled     False / reason     -                            True / same reason
done        True / Succeeded   -                            -
suspended   unchanged          -                            -
"""

from datetime import datetime
from typing import Literal

from shardwright_operator.api.status import Condition, Status
from shardwright_operator.decide.verdict import Verdict
from shardwright_worker.contract.reasons import Reason

Truth = Literal["True", "False", "Unknown"]
_VOLUME = frozenset(
    {
        Reason.VOLUME_NOT_FOUND,
        Reason.VOLUME_PENDING,
        Reason.VOLUME_NOT_WRITABLE,
        Reason.INSUFFICIENT_SPACE,
        Reason.ACCESS_MODE_UNSUPPORTED,
    }
)
_SOURCE = frozenset(
    {
        Reason.SOURCE_NOT_FOUND,
        Reason.SOURCE_UNAUTHORIZED,
        Reason.SOURCE_GATED,
        Reason.SOURCE_UNAVAILABLE,
        Reason.REVISION_NOT_FOUND,
        Reason.TRANSFER_FAILED,
        Reason.SOURCE_INCOMPLETE,
        Reason.SOURCE_CORRUPT,
    }
)
_MESSAGE_LIMIT = 2048


def conditions_of(status: Status, verdict: Verdict, generation: int, prepared: bool, now: datetime) -> list[Condition]:
    """All conditions, in the order in which people read them. `prepared`: the source is resolved for this spec."""
    shown: list[tuple[str, Truth, Reason, str]] = []
    failing = verdict.situation in ("retrying", "stalled")
    old = status.condition("Ready")
    if verdict.situation == "done":
        shown.append(("Ready", "True", Reason.SUCCEEDED, verdict.message))
    elif verdict.situation == "suspended" and old:
        shown.append(("Ready", old.status, Reason(old.reason), old.message))
    else:
        shown.append(("Ready", "False" if failing else "Unknown", verdict.reason, verdict.message))
    if verdict.situation == "working":
        shown.append(("Reconciling", "True", verdict.reason, verdict.message))
    elif verdict.situation == "retrying":
        shown.append(("Reconciling", "True", Reason.PROGRESSING_WITH_RETRY, verdict.message))
    elif verdict.situation == "stalled":
        shown.append(("Stalled", "True", verdict.reason, verdict.message))
    shown += _details(verdict, failing, prepared)
    return [_condition(status, generation, now, *one) for one in shown]


def _details(verdict: Verdict, failing: bool, prepared: bool) -> list[tuple[str, Truth, Reason, str]]:
    if verdict.situation == "done":
        return [
            ("VolumeReady", "True", Reason.SUCCEEDED, "The claim is there and can be written to"),
            ("SourceReady", "True", Reason.SUCCEEDED, "The source is resolved and complete"),
            ("ShardsComplete", "True", Reason.SUCCEEDED, "Every part of every rank is on the volume"),
            ("MetadataComplete", "True", Reason.SUCCEEDED, "Every metadata file is on the volume"),
            ("Verified", "True", Reason.SUCCEEDED, "A stock vLLM loaded the same weights"),
        ]
    pending: tuple[Truth, Reason, str] = ("Unknown", Reason.PROGRESSING, "Not looked at yet")
    wrong: tuple[Truth, Reason, str] = ("False", verdict.reason, verdict.message)
    found: tuple[Truth, Reason, str] = ("True", Reason.SUCCEEDED, "")

    def detail(reasons: frozenset[Reason], good: str) -> tuple[Truth, Reason, str]:
        if failing and verdict.reason in reasons:
            return wrong
        return (*found[:2], good) if prepared else pending

    damaged = failing and verdict.reason == Reason.ARTIFACT_DAMAGED
    unverified = failing and verdict.reason == Reason.VERIFICATION_FAILED
    return [
        ("VolumeReady", *detail(_VOLUME, "The claim is there and can be written to")),
        ("SourceReady", *detail(_SOURCE, "The source is resolved and complete")),
        ("ShardsComplete", *(wrong if damaged else pending)),
        ("MetadataComplete", *(wrong if damaged else pending)),
        ("Verified", *(wrong if unverified else pending)),
    ]


def _condition(
    status: Status, generation: int, now: datetime, type_: str, truth: Truth, reason: Reason, message: str
) -> Condition:
    old = status.condition(type_)
    return Condition(
        type=type_,
        status=truth,
        reason=reason.value,
        message=message[:_MESSAGE_LIMIT],
        observed_generation=generation,
        last_transition_time=old.last_transition_time if old and old.status == truth else now.replace(microsecond=0),
    )
