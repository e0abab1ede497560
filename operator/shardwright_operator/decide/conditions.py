"""The table of conditions: from a verdict to what `kubectl`, kstatus and Argo CD read.

situation   Ready              Reconciling                    Stalled
working     Unknown, reason    True, reason                   -
retrying    False, reason      True, ProgressingWithRetry     -
stalled     False, reason      -                              True, reason
done        True, Succeeded    -                              -
suspended   see below          -                              -

A suspended resource with a problem is Ready=False with its reason; without one it is Ready=Unknown, Suspended.
Reconciling and Stalled are kstatus' own, and are left out instead of being False:
https://github.com/kubernetes-sigs/cli-utils/blob/v0.37.2/pkg/kstatus/README.md
"""

from datetime import datetime
from typing import Literal

from shardwright_operator.api.names import DETAILS, READY, RECONCILING, STALLED
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Artifact, Condition, Status
from shardwright_operator.decide.claims import how_to_keep, owners_of
from shardwright_operator.decide.observed import Observed
from shardwright_operator.decide.verdict import Verdict
from shardwright_worker.contract.reasons import MEANINGS, Group, Reason
from shardwright_worker.contract.verification_levels import satisfies

Truth = Literal["True", "False", "Unknown"]
Shown = tuple[Truth, str, str]
Notes = tuple[str, str]

# What the last inspection of parts and of metadata files has read.
_INSPECTED = {
    "Headers": (" (sizes and headers were read)", " (sizes were read)"),
    "Bytes": (" (every byte was read)", " (every byte was read)"),
}
_MESSAGE_LIMIT = 2048


def conditions_of(
    old: Status, new: Status, verdict: Verdict, generation: int, prepared: bool, now: datetime, notes: Notes = ("", "")
) -> list[Condition]:
    """Return all conditions, the summary first.

    `prepared`: the source is resolved for this spec; `notes`: what else to say of the claims of output and source.
    """
    shown = {**_summary(verdict), **_details(new.artifact, verdict, prepared, notes)}
    return [_condition(old, generation, now, type_, *one) for type_, one in shown.items()]


def _summary(verdict: Verdict) -> dict[str, Shown]:
    shown = (verdict.reason, verdict.message)
    match verdict.situation:
        case "done":
            return {READY: ("True", *shown)}
        case "working":
            return {READY: ("Unknown", *shown), RECONCILING: ("True", *shown)}
        case "retrying":
            return {READY: ("False", *shown), RECONCILING: ("True", Reason.PROGRESSING_WITH_RETRY, verdict.message)}
        case "stalled":
            return {READY: ("False", *shown), STALLED: ("True", *shown)}
        case "suspended":
            return {READY: ("False" if verdict.failing else "Unknown", *shown)}


def _details(artifact: Artifact | None, verdict: Verdict, prepared: bool, notes: Notes) -> dict[str, Shown]:
    volume, source = notes
    good: list[Shown] = [
        ("True", Reason.SUCCEEDED, f"The claim exists and can be written to{volume}"),
        ("True", Reason.SUCCEEDED, f"The source is resolved and complete{source}"),
    ]
    if verdict.situation == "done" and artifact is not None:
        shown = [*good, *_complete(artifact), _verified(artifact)]
        verdict = verdict.problem or verdict
    else:
        unknown = _unknown(verdict)
        shown = [*good, *[unknown] * 3] if prepared else [unknown] * 5
    group = MEANINGS[verdict.reason].group
    of_source = group is Group.SOURCE or verdict.about == "source"
    wrong = (
        group is Group.VOLUME and not of_source,
        of_source,
        verdict.reason == Reason.ARTIFACT_DAMAGED,
        verdict.reason == Reason.ARTIFACT_DAMAGED,
        verdict.reason == Reason.VERIFICATION_FAILED,
    )
    for index, is_wrong in enumerate(wrong):
        if is_wrong:
            shown[index] = ("False", verdict.reason, verdict.message)
    return dict(zip(DETAILS, shown, strict=True))


def _unknown(verdict: Verdict) -> Shown:
    if verdict.situation == "working":
        return "Unknown", Reason.PROGRESSING, "Not checked yet"
    return "Unknown", verdict.reason, "Not checked: see the condition Ready"


def _complete(artifact: Artifact) -> list[Shown]:
    parts, files = _INSPECTED.get(artifact.check_depth, ("", ""))
    return [
        ("True", Reason.SUCCEEDED, f"Every part of every rank is on the volume{parts}"),
        ("True", Reason.SUCCEEDED, f"Every metadata file is on the volume{files}"),
    ]


def _verified(artifact: Artifact) -> Shown:
    if satisfies(artifact.verified_by, "Generate"):
        return "True", Reason.SUCCEEDED, "vLLM's own loader loaded the same weights, and answers as with the source"
    if satisfies(artifact.verified_by, "Load"):
        return "True", Reason.SUCCEEDED, "vLLM's own loader loaded the same weights"
    if satisfies(artifact.verified_by, "Digests"):
        return "Unknown", Reason.DIGESTS_ONLY, "The bytes are as written; that they load is not proven (Digests)"
    return "Unknown", Reason.PROGRESSING, "The level of verification is not known"


def notes_on_claims(observed: Observed, spec: Spec) -> Notes:
    """Return what to say of the usable claims of output and source: with which resource they are deleted."""
    output, source = spec.output.persistent_volume_claim, spec.source.persistent_volume_claim
    claim, on_source = observed.claims.get(output.claim_name), ""
    if source and (of_source := observed.claims.get(source.claim_name)) and of_source.owners:
        on_source = (
            f"; its claim {of_source.name} is deleted together with the ShardedCheckpoint {owners_of(of_source)}; "
            f"{how_to_keep(of_source)}"
        )
    owned = claim is not None and any(uid == observed.resource.uid for _, uid in claim.owners)
    if claim is None or owned == (output.create is not None and output.create.when_deleted == "Delete"):
        return "", on_source
    kept = "; it is kept when this resource is deleted, since this resource did not create it, or others name it"
    deleted = "; it is deleted together with this resource, as it was created with whenDeleted: Delete; "
    return deleted + how_to_keep(claim) if owned else kept, on_source


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
