"""A worker that is killed at any step of publishing: what has the final name is complete, and the next one finishes."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from shardwright_worker.artifact.find import find_artifact
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.publish.publish_without_rename import move_files_into
from tests.unit.worker.publish_cases import publish_artifact
from tools.testing.tiny_files import KEY, write_artifact

STEPS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "ctypes.dlsym")


def _move(output: Path) -> None:
    write_artifact(output / "staged")
    move_files_into(output / KEY, output / "staged")


def _is_killed_before(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that kills itself before that step on the file system; False if it ended before."""
    process = os.fork()
    if not process:
        left = step

        def watch(event: str, _arguments: object) -> None:
            nonlocal left
            if event in STEPS:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        work()
        os._exit(0)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _kill_everywhere(folder: Path, work: Callable[[Path], object]) -> int:
    step, killed = 0, True
    while killed:
        output = folder / str(step)
        output.mkdir(parents=True)
        killed = _is_killed_before(step, lambda output=output: work(output))  # type: ignore[misc]
        if (output / KEY / MANIFEST_NAME).exists():
            assert find_artifact(output, KEY, output), f"half an artifact after a kill before step {step}"
        work(output)
        assert find_artifact(output, KEY, output)
        assert not (output / ".staging").exists()
        shutil.rmtree(output)
        step += 1
    return step


def test_killed_at_any_step_where_folders_can_be_renamed(tmp_path: Path) -> None:
    assert _kill_everywhere(tmp_path, publish_artifact) > 20


def test_killed_at_any_step_where_they_cannot(tmp_path: Path) -> None:
    assert _kill_everywhere(tmp_path, _move) > 10
