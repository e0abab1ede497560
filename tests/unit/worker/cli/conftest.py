"""Fixtures of the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.testing.tiny_files import model_files, write_files


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a complete source."""
    return write_files(tmp_path / "model", model_files())
