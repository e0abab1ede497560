"""The baseline: without a fault, every kind of resource reaches the final state that its spec and pods lead to."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tools.testing.scenario import FinalState

PREPARE, SHARD = "prepare", "shard"


@pytest.mark.parametrize(
    ("name", "ready", "last_failure", "failed_attempts", "jobs"),
    [
        ("good", "Succeeded", ("", 0, ""), (), ((1, PREPARE), (2, SHARD))),
        (
            "retried",
            "Succeeded",
            ("", 0, ""),
            ((2, "CommunicationFailed"),),
            ((1, PREPARE), (2, SHARD), (3, SHARD)),
        ),
        ("failed", "SourceIncomplete", ("Prepare", 1, "SourceIncomplete"), ((1, "SourceIncomplete"),), ((1, PREPARE),)),
        (
            "exhausted",
            "AttemptsExhausted",
            ("Shard", 3, "CommunicationFailed"),
            ((2, "DeviceUnavailable"), (3, "CommunicationFailed")),
            ((1, PREPARE), (2, SHARD), (3, SHARD)),
        ),
        ("changed", "Succeeded", ("", 0, ""), (), ((1, PREPARE), (3, PREPARE), (4, SHARD))),
        ("suspended", "Suspended", ("", 0, ""), (), ()),
    ],
)
def test_final_state(
    baseline: Mapping[str, FinalState],
    name: str,
    ready: str,
    last_failure: tuple[str, int, str],
    failed_attempts: tuple[tuple[int, str], ...],
    jobs: tuple[tuple[int, str], ...],
) -> None:
    state = baseline[name]
    assert {reason for kind, _, reason in state.conditions if kind == "Ready"} == {ready}
    assert (state.last_failure, state.failed_attempts, state.jobs) == (last_failure, failed_attempts, jobs)
    assert state.attempt == max((number for number, _ in jobs), default=0)
    assert bool(state.artifact) == (ready == "Succeeded")


def test_a_changed_resource_has_another_artifact_and_a_deleted_one_is_gone(baseline: Mapping[str, FinalState]) -> None:
    assert baseline["changed"].artifact != baseline["good"].artifact
    assert "deleted" not in baseline
