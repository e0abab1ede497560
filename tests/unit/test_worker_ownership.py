"""One owner of a file at a time, whatever another worker does between two of its calls."""

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


def leave_dead(path: Path) -> None:
    """What a worker on another node left long ago."""
    path.write_text(DEAD)
    os.utime(path, (0, 0))


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def in_between(monkeypatch: pytest.MonkeyPatch, module: object, name: str, event: Callable[[], object]) -> None:
    """Let it happen right before the next such call."""
    real = getattr(module, name)

    def call(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(module, name, real)
        event()
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, call)


def test_who_comes_second_to_a_dead_owners_file_leaves_it_to_the_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_dead(path)
    without_locks(monkeypatch)
    first, second = LockFile(path), LockFile(path)
    answers: list[LockState] = []
    in_between(monkeypatch, os, "rename", lambda: answers.append(first.acquire()))
    assert second.acquire() == LockState.HELD
    assert answers == [LockState.ACQUIRED]
    first.release()
    assert list(path.parent.iterdir()) == []


def test_a_file_that_was_removed_while_it_was_opened_is_nobodys(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, next_one, late = LockFile(path), LockFile(path), LockFile(path)
    assert before.acquire() == LockState.ACQUIRED
    answers: list[LockState] = []

    def change() -> None:
        before.release()
        answers.append(next_one.acquire())

    in_between(monkeypatch, fcntl, "flock", change)
    assert late.acquire() == LockState.HELD
    assert answers == [LockState.ACQUIRED]
    next_one.release()
    assert late.acquire() == LockState.ACQUIRED
    late.release()


def test_who_was_taken_for_dead_does_not_remove_the_next_ones_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent, following = LockFile(path), LockFile(path)
    assert silent.acquire() == LockState.ACQUIRED
    path.unlink()
    assert following.acquire() == LockState.ACQUIRED
    silent.release()
    without_locks(monkeypatch)
    assert LockFile(path).acquire() == LockState.HELD
    following.release()
    assert not path.exists()


def test_an_owner_gives_signs_of_life_until_it_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_file, "HEARTBEAT_PERIOD", 0.01)
    owner = LockFile(path)
    assert owner.acquire() == LockState.ACQUIRED
    os.utime(path, (0, 0))
    deadline = time.monotonic() + 30
    while path.stat().st_mtime == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    owner.release()
