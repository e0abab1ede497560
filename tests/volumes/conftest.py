"""Fixtures of the tests on volumes: the library that injects errors, and an output folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.volumes.worker_process import FOLDER, FaultyVolume


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyVolume]:
    """A volume without errors; called with rules, it injects errors into some calls."""
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    command = ["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(library), str(FOLDER / "faults.c"), "-ldl"]
    subprocess.run(command, check=True)
    command = [sys.executable, "-m", "tests.volumes.worker_process", "serve"]
    environment = FaultyVolume(library).environment
    with subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        yield FaultyVolume(library, server)
        server.kill()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output folder."""
    folder = tmp_path / "output"
    folder.mkdir()
    return folder
