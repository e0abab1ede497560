"""The play on a good day: every kind of resource ends as its owner would expect. All other tests compare with this."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tools.testing.scenario import End

PREPARE, SHARD = "prepare", "shard"


@pytest.mark.parametrize(
    ("name", "ready", "last_failure", "attempts", "jobs"),
    [
        ("good", "Succeeded", ("", 0, ""), (), ((1, PREPARE), (2, SHARD))),
        (
            "shaky",
            "Succeeded",
            ("", 0, ""),
            ((2, "CommunicationFailed"),),
            ((1, PREPARE), (2, SHARD), (3, SHARD)),
        ),
        ("broken", "SourceIncomplete", ("Prepare", 1, "SourceIncomplete"), ((1, "SourceIncomplete"),), ((1, PREPARE),)),
        (
            "hopeless",
            "AttemptsExhausted",
            ("Shard", 3, "CommunicationFailed"),
            ((2, "DeviceUnavailable"), (3, "CommunicationFailed")),
            ((1, PREPARE), (2, SHARD), (3, SHARD)),
        ),
        ("changed", "Succeeded", ("", 0, ""), (), ((1, PREPARE), (3, PREPARE), (4, SHARD))),
        ("suspended", "Suspended", ("", 0, ""), (), ()),
    ],
)
def test_it_ends_as_expected(
    undisturbed: Mapping[str, End],
    name: str,
    ready: str,
    last_failure: tuple[str, int, str],
    attempts: tuple[tuple[int, str], ...],
    jobs: tuple[tuple[int, str], ...],
) -> None:
    end = undisturbed[name]
    assert {reason for kind, _, reason in end.conditions if kind == "Ready"} == {ready}
    assert (end.last_failure, end.attempts, end.jobs) == (last_failure, attempts, jobs)
    assert end.attempt == max((number for number, _ in jobs), default=0)
    assert bool(end.artifact) == (ready == "Succeeded")


def test_what_was_changed_has_another_artifact_and_what_was_deleted_is_gone(undisturbed: Mapping[str, End]) -> None:
    assert undisturbed["changed"].artifact != undisturbed["good"].artifact
    assert "deleted" not in undisturbed
