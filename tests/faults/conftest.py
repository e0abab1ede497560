"""The control plane of these tests, and the play without any disturbance, with which all others are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.faults import stage as stages
from tests.faults.stage import ALONE, Theatre, serving, stage
from tests.harness.scenario import End


@pytest.fixture(scope="session")
def theatre() -> Iterator[Theatre]:
    """A control plane with simulated pods and a witness."""
    with stages.theatre() as running:
        yield running


@pytest.fixture(scope="session")
def undisturbed(theatre: Theatre) -> Mapping[str, End]:
    """How everything ends on a good day."""
    with stage(theatre) as good_day, serving(good_day, ALONE):
        return good_day.play()
