"""Fixtures of the worker's tests: output volumes, and a private repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.worker.process_cases import LARGE
from tests.unit.worker.volume_cases import PreparedVolume
from tools.testing.hub_repository import Repository
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import model_files


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


@pytest.fixture
def private_hub() -> Iterator[HubServer]:
    """A Hub server with a private model, one file of which has 12 MiB."""
    files = {**model_files(), LARGE: b"\0" * (12 * 1024 * 1024)}
    with HubServer(org__model=Repository(files, private=True)) as running:
        yield running
