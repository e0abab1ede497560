"""Fixtures of the worker's tests: output volumes, alone and with a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.worker.volume_cases import PreparedVolume


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """An output volume beside a folder that is not on it."""
    (tmp_path / "volume").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "theirs").write_text("not ours")
    return tmp_path / "volume"


@pytest.fixture
def outside(volume: Path) -> Path:
    """The folder outside of the volume, which must not change."""
    return volume.parent / "outside"


@pytest.fixture
def prepared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> PreparedVolume:
    """An output volume after a prepare stage, without the artifact."""
    return PreparedVolume(tmp_path, capsys)
