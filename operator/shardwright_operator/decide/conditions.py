"""The table of conditions: from a verdict to what `kubectl`, kstatus and Argo CD read.

situation   Ready                                            Reconciling                  Stalled
working     Unknown / reason                                 True                         -
retrying    False / reason                                   True / ProgressingWithRetry  -
stalled     False / reason                                   -                            True / same reason
done        True / Succeeded                                 -                            -
suspended   False / reason of a failure, or Unknown / Suspended-                            -
"""

from datetime import datetime
from typing import Literal

from shardwright_operator.api.names import DETAILS, READY, RECONCILING, STALLED
from shardwright_operator.api.status import Artifact, Condition, Status
from shardwright_operator.decide.verdict import Verdict
from shardwright_worker.contract.reasons import ABOUT_SOURCES, Reason
from shardwright_worker.contract.verification_levels import satisfies

Truth = Literal["True", "False", "Unknown"]
Shown = tuple[Truth, str, str]
Notes = tuple[str, str]

_VOLUME = frozenset(
    {
        Reason.VOLUME_NOT_FOUND,
        Reason.VOLUME_PENDING,
        Reason.VOLUME_NOT_WRITABLE,
        Reason.INSUFFICIENT_SPACE,
        Reason.ACCESS_MODE_UNSUPPORTED,
        Reason.VOLUME_UNAVAILABLE,
    }
)
# What the last look at parts and at metadata files has read.
_LOOKS = {
    "Headers": (" (sizes and headers were read)", " (sizes were read)"),
    "Bytes": (" (every byte was read)", " (every byte was read)"),
}
_MESSAGE_LIMIT = 2048


def conditions_of(
    old: Status, new: Status, verdict: Verdict, generation: int, prepared: bool, now: datetime, notes: Notes = ("", "")
) -> list[Condition]:
    """All conditions, in the order in which people read them.

    `prepared`: the source is resolved for this spec; `notes`: what to know of the claims of output and source.
    """
    shown = {**_summary(verdict), **_details(new.artifact, verdict, prepared, notes)}
    return [_condition(old, generation, now, type_, *one) for type_, one in shown.items()]


def _summary(verdict: Verdict) -> dict[str, Shown]:
    told = (verdict.reason, verdict.message)
    match verdict.situation:
        case "done":
            return {READY: ("True", *told)}
        case "working":
            return {READY: ("Unknown", *told), RECONCILING: ("True", *told)}
        case "retrying":
            return {READY: ("False", *told), RECONCILING: ("True", Reason.PROGRESSING_WITH_RETRY, verdict.message)}
        case "stalled":
            return {READY: ("False", *told), STALLED: ("True", *told)}
        case "suspended":
            return {READY: ("False" if verdict.failing else "Unknown", *told)}


def _details(artifact: Artifact | None, verdict: Verdict, prepared: bool, notes: Notes) -> dict[str, Shown]:
    volume, source = notes
    good: list[Shown] = [
        ("True", Reason.SUCCEEDED, f"The claim is there and can be written to{volume}"),
        ("True", Reason.SUCCEEDED, f"The source is resolved and complete{source}"),
    ]
    if verdict.situation == "done" and artifact is not None:
        shown = [*good, *_complete(artifact), _verified(artifact)]
        verdict = verdict.trouble or verdict
    else:
        pending = _pending(verdict)
        shown = [*good, *[pending] * 3] if prepared else [pending] * 5
    of_source = verdict.reason in ABOUT_SOURCES or verdict.about == "source"
    wrong = (
        verdict.reason in _VOLUME and not of_source,
        of_source,
        verdict.reason == Reason.ARTIFACT_DAMAGED,
        verdict.reason == Reason.ARTIFACT_DAMAGED,
        verdict.reason == Reason.VERIFICATION_FAILED,
    )
    for index, is_wrong in enumerate(wrong):
        if is_wrong:
            shown[index] = ("False", verdict.reason, verdict.message)
    return dict(zip(DETAILS, shown, strict=True))


def _pending(verdict: Verdict) -> Shown:
    """What is not known, and why not."""
    if verdict.situation == "working":
        return "Unknown", Reason.PROGRESSING, "Not looked at yet"
    return "Unknown", verdict.reason, "Not looked at: see the condition Ready"


def _complete(artifact: Artifact) -> list[Shown]:
    parts, files = _LOOKS.get(artifact.check_depth, ("", ""))
    return [
        ("True", Reason.SUCCEEDED, f"Every part of every rank is on the volume{parts}"),
        ("True", Reason.SUCCEEDED, f"Every metadata file is on the volume{files}"),
    ]


def _verified(artifact: Artifact) -> Shown:
    if satisfies(artifact.verified_by, "Generate"):
        return "True", Reason.SUCCEEDED, "A stock vLLM loaded the same weights, and answers as with the source"
    if satisfies(artifact.verified_by, "Load"):
        return "True", Reason.SUCCEEDED, "A stock vLLM loaded the same weights"
    if satisfies(artifact.verified_by, "Digests"):
        return "Unknown", Reason.DIGESTS_ONLY, "The bytes are as written; that they load is not proven (Digests)"
    return "Unknown", Reason.PROGRESSING, "How it was proven is not known"


def _condition(
    status: Status, generation: int, now: datetime, type_: str, truth: Truth, reason: str, message: str
) -> Condition:
    old = status.condition(type_)
    return Condition(
        type=type_,
        status=truth,
        reason=str(reason),
        message=message[:_MESSAGE_LIMIT],
        observed_generation=generation,
        last_transition_time=old.last_transition_time if old and old.status == truth else now.replace(microsecond=0),
    )
