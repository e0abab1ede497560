"""The table of conditions, row by row."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shardwright_operator.api.status import Artifact, Condition, Status
from shardwright_operator.decide.conditions import conditions_of
from shardwright_operator.decide.verdict import Verdict, done, paused, retrying, stalled, suspended, working
from shardwright_worker.contract.reasons import Reason
from tools.testing.fake_namespace import FakeNamespace
from tools.testing.fake_objects import START


def _artifact() -> Artifact:
    namespace = FakeNamespace()
    namespace.run_to_ready()
    assert namespace.status.artifact is not None
    return namespace.status.artifact


TABLE = [
    (working("Starting"), ("Unknown", Reason.PROGRESSING), ("True", Reason.PROGRESSING), None),
    (working("Waits", Reason.QUEUED), ("Unknown", Reason.QUEUED), ("True", Reason.QUEUED), None),
    (
        retrying(Reason.UNSCHEDULABLE, "no node"),
        ("False", Reason.UNSCHEDULABLE),
        ("True", Reason.PROGRESSING_WITH_RETRY),
        None,
    ),
    (
        stalled(Reason.OUT_OF_MEMORY, "memory limit"),
        ("False", Reason.OUT_OF_MEMORY),
        None,
        ("True", Reason.OUT_OF_MEMORY),
    ),
    (done(_artifact()), ("True", Reason.SUCCEEDED), None, None),
    (suspended(), ("Unknown", Reason.SUSPENDED), None, None),
    (paused(retrying(Reason.VOLUME_NOT_FOUND, "no claim")), ("False", Reason.VOLUME_NOT_FOUND), None, None),
]


def _shown(verdict: Verdict, status: Status | None = None, prepared: bool = False) -> dict[str, Condition]:
    status = status or Status()
    found = conditions_of(status, status, verdict, 3, prepared, START)
    return {one.type: one for one in found}


def _state(condition: Condition | None) -> tuple[str, str] | None:
    return (condition.status, condition.reason) if condition else None


@pytest.mark.parametrize(("verdict", "ready", "reconciling", "stalls"), TABLE)
def test_each_situation_has_its_row(
    verdict: Verdict,
    ready: tuple[str, str],
    reconciling: tuple[str, str] | None,
    stalls: tuple[str, str] | None,
) -> None:
    shown = _shown(verdict)
    assert _state(shown["Ready"]) == ready
    assert _state(shown.get("Reconciling")) == reconciling
    assert _state(shown.get("Stalled")) == stalls
    assert next(iter(shown)) == "Ready", "the summary comes first"
    assert all(one.observed_generation == 3 for one in shown.values())


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (Reason.VOLUME_NOT_WRITABLE, "VolumeReady"),
        (Reason.INSUFFICIENT_SPACE, "VolumeReady"),
        (Reason.SOURCE_INCOMPLETE, "SourceReady"),
        (Reason.REVISION_NOT_FOUND, "SourceReady"),
        (Reason.ARTIFACT_DAMAGED, "ShardsComplete"),
        (Reason.ARTIFACT_DAMAGED, "MetadataComplete"),
        (Reason.VERIFICATION_FAILED, "Verified"),
    ],
)
def test_a_failure_is_shown_where_it_belongs(reason: Reason, kind: str) -> None:
    shown = _shown(stalled(reason, "what is wrong"))
    assert _state(shown[kind]) == ("False", reason)
    assert shown[kind].message == "what is wrong"


def test_what_prepare_has_found_is_shown_while_shard_runs() -> None:
    shown = _shown(working("Loading"), prepared=True)
    truths = {kind: shown[kind].status for kind in ("VolumeReady", "SourceReady", "ShardsComplete", "Verified")}
    assert truths == {"VolumeReady": "True", "SourceReady": "True", "ShardsComplete": "Unknown", "Verified": "Unknown"}


def test_everything_is_true_when_it_is_done() -> None:
    shown = _shown(done(_artifact()), Status(artifact=_artifact()))
    assert {one.status for one in shown.values()} == {"True"}
    assert set(shown) == {"Ready", "VolumeReady", "SourceReady", "ShardsComplete", "MetadataComplete", "Verified"}


def test_a_transition_is_a_change_of_status_and_of_nothing_else() -> None:
    first = conditions_of(Status(), Status(), working("Starting"), 1, False, START)
    old, later = Status(conditions=first), START + timedelta(hours=1)
    same = conditions_of(old, old, working("Loading"), 2, False, later)
    assert {one.last_transition_time for one in same} == {START}
    other = conditions_of(old, old, stalled(Reason.OUT_OF_MEMORY, "memory limit"), 2, False, later)
    times = {one.type: one.last_transition_time for one in other}
    assert (times["Ready"], times["VolumeReady"]) == (later, START)


def test_messages_fit_the_conventions() -> None:
    shown = _shown(retrying(Reason.POD_NOT_CREATED, "x" * 100_000))
    assert max(len(one.message) for one in shown.values()) < 32_768
