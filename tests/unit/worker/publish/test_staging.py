"""Staging folders of attempts."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.publish.staging import Staging
from tools.testing.tiny_files import KEY


def test_removes_abandoned_attempts_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / ".staging"
    other = "f" * 16
    for name in (f"{KEY}.dead", f"{other}.dead", f"{other}.running", "probe.12345678"):
        (root / name).mkdir(parents=True)
        (root / f"{name}.owner").touch()
    (root / f"{other}.alone.owner").touch()
    with (root / f"{other}.running.owner").open("r+") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        os.utime(owner.fileno(), (0, 0))  # a lock that is held counts, not the time of the last heartbeat
        with Staging(tmp_path, KEY, "2"):
            found = {path.name for path in root.iterdir()}
    mine = {f"{KEY}.2", f"{KEY}.2.owner"}
    assert found == mine | {f"{other}.running", f"{other}.running.owner", "probe.12345678", "probe.12345678.owner"}


def test_rejects_an_attempt_that_is_running(tmp_path: Path) -> None:
    with Staging(tmp_path, KEY, "1"), pytest.raises(WorkerFailure) as refused, Staging(tmp_path, KEY, "1"):
        pass
    assert "set another --attempt" in refused.value.message


def test_names_an_attempt_by_host_and_process(tmp_path: Path) -> None:
    with Staging(tmp_path, KEY, "") as staging:
        assert staging.path.name.endswith(f"-{os.getpid()}")
