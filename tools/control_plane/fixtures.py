"""The pytest fixture `plane`: one control plane without nodes for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.control_plane.control_plane import ControlPlane


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """A running control plane without nodes."""
    with ControlPlane() as running:
        yield running
