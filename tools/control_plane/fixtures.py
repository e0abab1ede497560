"""The pytest fixture `plane`: one control plane without nodes for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.control_plane.plane import Plane


@pytest.fixture(scope="session")
def plane() -> Iterator[Plane]:
    """A running control plane without nodes."""
    with Plane() as running:
        yield running
