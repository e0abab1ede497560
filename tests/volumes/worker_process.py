"""A worker in a process of its own, on a volume with injected errors: prepares, publishes, prunes or checks."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shardwright_worker.artifact.check import check_artifact
from shardwright_worker.artifact.find import find_artifact
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.files.volume_errors import volume_errors
from shardwright_worker.files.volume_probe import probe_volume
from shardwright_worker.publish.prune import prune
from shardwright_worker.publish.publish import publish
from shardwright_worker.publish.staging import Staging
from shardwright_worker.reporting.progress_output import ignore_progress
from shardwright_worker.writer.output_file import OutputFile, needs_order
from shardwright_worker.writer.part_plan import PAGE
from tools.testing.tiny_files import KEY, write_artifact

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Outcome:
    """The outcome of a task: `reason` and `message` of its failure, or its `result`."""

    reason: str = ""
    message: str = ""
    result: Any = None


@dataclass(frozen=True)
class FaultyVolume:
    """A volume that returns errors, by the rules of faults.c."""

    library: Path
    server: subprocess.Popen[str] | None = None
    rules: tuple[str, ...] = ()

    def __call__(self, *rules: str) -> FaultyVolume:
        """Return the volume with these rules instead."""
        return replace(self, rules=rules)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process on that volume."""
        rest = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        return {**rest, "LD_PRELOAD": str(self.library), "FAULTS": "\n".join(self.rules)}

    def run(self, task: str, output: Path, *more: str) -> Outcome:
        """Return the outcome of one task, done by a fork of the server, which saves the time to start a process."""
        assert self.server
        assert self.server.stdin
        assert self.server.stdout
        order = {"faults": "\n".join(self.rules), "words": [task, str(output), *more]}
        print(json.dumps(order), file=self.server.stdin, flush=True)
        return Outcome(**json.loads(self.server.stdout.readline()))

    @contextmanager
    def running(self, task: str, output: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
        """Start a worker on a task, and kill it at the end of the context."""
        command = [sys.executable, "-m", "tests.volumes.worker_process", task, str(output), *more]
        with subprocess.Popen(
            command, env=self.environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def outcome_of(process: subprocess.Popen[str]) -> Outcome:
    """Wait for the worker and return the outcome in its last line."""
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    return Outcome(**json.loads(text.splitlines()[-1]))


CREATED_AT = "2026-02-02T00:00:00Z"


def publish_one(output: Path, created_at: str = CREATED_AT, attempt: str = "", *, wait: bool = False) -> str:
    """Publish a small artifact and return the creation time of the published one; with `wait` after a line on stdin."""
    with tempfile.TemporaryDirectory() as made, Staging(output, KEY, attempt) as staging:
        manifest = write_artifact(Path(made), created_at=created_at)
        for path in Path(made).iterdir():
            if path.name != MANIFEST_NAME:
                shutil.copyfile(path, staging.path / path.name)
        if wait:
            print("staged", flush=True)
            sys.stdin.readline()
        return publish(staging, manifest, output / KEY, output, dict).completed_at


def _prepare(output: Path) -> object:
    """Do what the prepare stage does on the output volume."""
    found = find_artifact(output, KEY, output)
    probe_volume(output)
    return found and found.completed_at


def _write_part(output: Path) -> int:
    """Write a part's bytes as the ranks do, and return its mode."""
    path = output / "part"
    memory = mmap.mmap(-1, 5 * PAGE)
    memory.write(b"part" * (5 * PAGE // 4))
    data = memoryview(memory)[:-7]
    with volume_errors(output, f"write {path}"):
        file = OutputFile(path, len(data), needs_order(output))
        try:
            file.write(data[: 4 * PAGE], 0)
            file.write(data[4 * PAGE :], 4 * PAGE)
            file.sync()
        finally:
            file.close()
    return path.stat().st_mode & 0o777


def _work(task: str, output: Path, more: list[str]) -> object:
    if task == "publish":
        return publish_one(output, *more[:2])
    if task == "publish-on-request":
        return publish_one(output, wait=True)
    if task == "prepare":
        return _prepare(output)
    if task == "write":
        return _write_part(output)
    if task == "prune":
        return prune(output, int(more[0]), more[1:]).to_wire()
    return len(check_artifact(output / KEY, True, ignore_progress).manifest.parts)


def _serve() -> None:
    """Do each task of stdin in a fork, with its rules."""
    for line in sys.stdin:
        order = json.loads(line)
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            if status:
                print(json.dumps({"reason": "", "message": f"the worker ended with status {status}"}), flush=True)
            continue
        os.environ["FAULTS"] = order["faults"]
        _run(*order["words"])
        sys.stdout.flush()
        os._exit(0)


def _run(task: str, output: str, *more: str) -> None:
    try:
        outcome = {"result": _work(task, Path(output), list(more))}
    except WorkerFailure as failure:
        outcome = {"reason": failure.reason, "message": failure.message}
    except Exception as error:
        traceback.print_exc()
        outcome = {"reason": type(error).__name__, "message": str(error)}
    print(json.dumps(outcome))


def main() -> None:
    """Do one task and print its outcome as the last line; with `serve` those of stdin."""
    if sys.argv[1] == "serve":
        _serve()
    else:
        _run(*sys.argv[1:])


if __name__ == "__main__":
    main()
