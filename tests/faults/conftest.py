"""The control plane of these tests, and the play without any disturbance, with which all others are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from tests.faults import stage as stages
from tests.faults.stage import ALONE, Theatre, serving, stage
from tools.testing.api_requests import ApiRequest
from tools.testing.scenario import End


@pytest.fixture(scope="session")
def theatre() -> Iterator[Theatre]:
    """A control plane with simulated pods and a witness."""
    with stages.theatre() as running:
        yield running


@pytest.fixture(scope="session")
def good_day(theatre: Theatre) -> tuple[Mapping[str, End], Sequence[ApiRequest]]:
    """How everything ends when nothing goes wrong, and the calls that lead there."""
    with stage(theatre) as play, serving(play, ALONE):
        return play.play(), play.proxy.record.calls


@pytest.fixture(scope="session")
def undisturbed(good_day: tuple[Mapping[str, End], Sequence[ApiRequest]]) -> Mapping[str, End]:
    """How everything ends on a good day."""
    return good_day[0]
