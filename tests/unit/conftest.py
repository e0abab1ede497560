"""Fixtures of the unit tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.worker.hub_cases import OTHERS
from tools.testing.hub_repository import Repository
from tools.testing.hub_server import HubServer
from tools.testing.tiny_files import model_files


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="shardwright-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A Hub server with a model and with the other formats that repositories have beside it."""
    with HubServer(org__model=Repository({**model_files(), **OTHERS})) as running:
        yield running
