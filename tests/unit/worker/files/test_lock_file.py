"""A lock file has one owner at a time, whatever other workers do between two calls."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.files import lock_file
from shardwright_worker.files.lock_file import LockFile
from shardwright_worker.files.lock_state import LockState

DEAD = '{"token": "dead", "boot_id": "another", "pid_namespace": "pid:[1]", "pid": 1, "start_time": "1"}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "artifact.owner"


def write_dead_owner(path: Path) -> None:
    """What a worker on another node left long ago."""
    path.write_text(DEAD)
    os.utime(path, (0, 0))


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def run_before_call(monkeypatch: pytest.MonkeyPatch, module: object, name: str, action: Callable[[], object]) -> None:
    """Let it happen right before the next such call."""
    real = getattr(module, name)

    def call(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(module, name, real)
        action()
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, call)


def test_only_one_worker_takes_over_the_file_of_a_dead_owner(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dead_owner(path)
    without_locks(monkeypatch)
    first, second = LockFile(path), LockFile(path)
    states: list[LockState] = []
    run_before_call(monkeypatch, os, "rename", lambda: states.append(first.acquire()))
    assert second.acquire() == LockState.HELD
    assert states == [LockState.ACQUIRED]
    first.release()
    assert list(path.parent.iterdir()) == []


def test_a_file_removed_while_it_was_opened_is_not_acquired(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, next_one, late = LockFile(path), LockFile(path), LockFile(path)
    assert before.acquire() == LockState.ACQUIRED
    states: list[LockState] = []

    def change() -> None:
        before.release()
        states.append(next_one.acquire())

    run_before_call(monkeypatch, fcntl, "flock", change)
    assert late.acquire() == LockState.HELD
    assert states == [LockState.ACQUIRED]
    next_one.release()
    assert late.acquire() == LockState.ACQUIRED
    late.release()


def test_a_file_that_its_owner_removed_is_free_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_locks(monkeypatch)
    owner, waiting = LockFile(path), LockFile(path)
    assert owner.acquire() == LockState.ACQUIRED
    real = os.open

    def open_late(name: Path, flags: int, *mode: int) -> int:
        if not flags & os.O_EXCL:
            monkeypatch.setattr(os, "open", real)
            owner.release()
        return real(name, flags, *mode)

    monkeypatch.setattr(os, "open", open_late)
    assert waiting.acquire() == LockState.ACQUIRED
    waiting.release()
    assert not path.exists()


def test_an_owner_that_was_replaced_does_not_remove_the_new_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced, successor = LockFile(path), LockFile(path)
    assert replaced.acquire() == LockState.ACQUIRED
    path.unlink()
    assert successor.acquire() == LockState.ACQUIRED
    replaced.release()
    without_locks(monkeypatch)
    assert LockFile(path).acquire() == LockState.HELD
    successor.release()
    assert not path.exists()


def test_the_owner_sends_heartbeats(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_file, "HEARTBEAT_PERIOD", 0.01)
    owner = LockFile(path)
    assert owner.acquire() == LockState.ACQUIRED
    os.utime(path, (0, 0))
    deadline = time.monotonic() + 30
    while path.stat().st_mtime == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    owner.release()
