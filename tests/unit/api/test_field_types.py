"""Values of a status are brought within the bounds of the API server, and texts are safe in a terminal."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright_operator.api.maintenance_status import LastPruned, Maintenance
from shardwright_operator.api.status import Artifact, Condition, Durations, Failure, Serving, ServingVolume, Status
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import is_clean

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ARTIFACT = Artifact(
    claim_name="shards",
    path="p",
    manifest_digest="m",
    bytes=1,
    files=1,
    tensor_parallel_size=1,
    pipeline_parallel_size=1,
    completed_at=NOW,
)


def is_accepted(value: object) -> bool:
    """Return whether the API server accepts the value, and a terminal may show it."""
    match value:
        case None | bool():
            return True
        case str():
            return is_clean(value)
        case int():
            return -(2**63) <= value < 2**63
        case float():
            return math.isfinite(value)
        case dict():
            return all(is_accepted(each) for each in (*value, *value.values()))
        case list():
            return all(is_accepted(each) for each in value)
    return False


@pytest.mark.parametrize("number", [10**30, -(10**30), 10**400, 2**63, -(2**63)])
def test_numbers_fit_64_bits(number: int) -> None:
    copied = Status(artifact=ARTIFACT.model_copy(update={"bytes": number}))
    built = Status(attempt=number, artifact=Artifact(**{**ARTIFACT.model_dump(), "files": number}))
    assert is_accepted(copied.to_wire())
    assert is_accepted(built.to_wire())


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e300])
def test_numbers_are_finite(number: float) -> None:
    for durations in (Durations(load=number), Durations(load=1.0).model_copy(update={"load": number})):
        wire = Status(duration_seconds=durations).to_wire()
        assert is_accepted(wire)
        assert Status.model_validate_json(json.dumps(wire, allow_nan=False)) == Status(duration_seconds=durations)


@pytest.mark.parametrize(
    ("time", "wire"),
    [
        (datetime(2026, 1, 1), "2026-01-01T00:00:00Z"),
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2026-01-01T00:00:00Z"),
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2, seconds=7))), "2025-12-31T23:59:53Z"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "0001-01-01T00:00:00Z"),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)), microsecond=0), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_times_are_in_utc(time: datetime, wire: str) -> None:
    for artifact in (
        ARTIFACT.model_copy(update={"checked_at": time}),
        Artifact(**{**ARTIFACT.model_dump(), "checked_at": time}),
    ):
        assert Status(artifact=artifact).to_wire()["artifact"]["checkedAt"] == wire


TEXT = st.text(st.characters(codec=None), max_size=50) | st.sampled_from(["x" * 5000, "\x1b[2J", "\ud800", "a\nReady"])


@given(TEXT, TEXT, st.lists(TEXT, max_size=3))
def test_texts_are_clean_whether_built_or_copied(reason: str, message: str, keys: list[str]) -> None:
    condition = Condition(type="Ready", status="True", reason=reason, message=message, last_transition_time=NOW)
    failure = Failure(reason=Reason.OUT_OF_MEMORY, message="").model_copy(update={"message": message, "job": reason})
    last = LastPruned(artifact=reason, history_limit=1).model_copy(update={"removed": keys})
    done = Maintenance(last_pruned=last, blocked_reason=message)
    update: dict[str, Any] = {"conditions": [condition], "last_failure": failure, "maintenance": done}
    status = Status().model_copy(update=update)
    wire = status.to_wire()
    assert is_accepted(wire)
    assert Status.model_validate(wire) == status


def test_values_of_a_user_and_arguments_of_vllm_are_not_changed() -> None:
    arguments = ["--hf-overrides", '{"a":\n1}']
    volume = ServingVolume(claim_name="c", sub_path="p", mount_path="/m")
    assert Serving(args=arguments, volume=volume).args == arguments
    assert Status(last_handled_reconcile_at="a\nb" * 2000).last_handled_reconcile_at == "a\nb" * 2000
