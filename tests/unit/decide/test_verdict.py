"""A verdict says whether something is wrong, and a suspended one keeps that."""

from __future__ import annotations

import pytest

from shardwright_operator.decide.verdict import Verdict, paused, retrying, stalled, suspended, working
from shardwright_worker.contract.reasons import Reason


@pytest.mark.parametrize(
    ("verdict", "failing"),
    [
        (working("Starting"), False),
        (working("Waits", Reason.QUEUED), False),
        (retrying(Reason.UNSCHEDULABLE, "no node"), True),
        (stalled(Reason.NAME_CONFLICT, "taken"), True),
        (suspended(), False),
        (paused(retrying(Reason.VOLUME_NOT_FOUND, "no claim")), True),
    ],
)
def test_what_is_wrong_is_failing(verdict: Verdict, failing: bool) -> None:
    assert verdict.failing is failing
