"""Volumes without folder renames, modes or locks: each has a fallback, and the artifact is the same."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shardwright_worker.artifact.find import find_damage
from shardwright_worker.contract.reasons import Reason
from tests.volumes.folder_contents import folder_contents
from tests.volumes.worker_process import CREATED_AT, FaultyVolume, outcome_of
from tools.testing.tiny_files import KEY, write_artifact

PART = "model-rank-1-part-0.safetensors"
OTHER = "f" * 16
UNSUPPORTED = (errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.EPERM)
UNSUPPORTED_CALLS = {
    **{
        f"rename_folder {errno.errorcode[number]}": [f"rename_folder {number}"]
        for number in (*UNSUPPORTED, errno.EXDEV)
    },
    "rename_folder of an object store": [f"rename_folder {errno.EMFILE}"],
    **{f"rename {errno.errorcode[number]}": [f"rename {number} output"] for number in (errno.ENOSYS, errno.ENOTSUP)},
    **{f"chmod {errno.errorcode[number]}": [f"chmod {number} output"] for number in UNSUPPORTED},
    **{
        f"flock {errno.errorcode[number]}": [f"flock {number}"]
        for number in (errno.ENOLCK, *UNSUPPORTED[:3], errno.EBADF)
    },
    "all": [f"rename {errno.ENOSYS} output", f"chmod {errno.ENOTSUP} output", f"flock {errno.ENOLCK}"],
}
unsupported_calls = pytest.mark.parametrize("rules", UNSUPPORTED_CALLS.values(), ids=UNSUPPORTED_CALLS.keys())


@pytest.fixture
def made(faults: FaultyVolume, tmp_path: Path) -> dict[str, bytes | str]:
    """The content of a volume that supports every call, after publishing."""
    faults.run("publish", tmp_path / "able")
    return folder_contents(tmp_path / "able")


@unsupported_calls
def test_publishes_the_same_artifact(
    faults: FaultyVolume, output: Path, made: dict[str, bytes | str], rules: list[str]
) -> None:
    volume = faults(*rules)
    assert volume.run("prepare", output).reason == ""
    assert volume.run("publish", output).result == CREATED_AT
    assert folder_contents(output) == made
    assert volume.run("prepare", output).result == CREATED_AT
    assert volume.run("publish", output, "2026-03-03T00:00:00Z").result == CREATED_AT
    assert folder_contents(output) == made


@unsupported_calls
@pytest.mark.parametrize("damage", ["lost", "broken", "nested", "empty", "stray"])
def test_replaces_what_a_new_artifact_may_replace(
    faults: FaultyVolume, output: Path, made: dict[str, bytes | str], rules: list[str], damage: str
) -> None:
    folder = output / KEY
    folder.mkdir()
    if damage != "empty":
        write_artifact(folder, created_at="2026-01-01T00:00:00Z")
    if damage in ("lost", "nested"):
        (folder / PART).unlink()
    if damage == "broken":
        (folder / "shardwright.json").write_text("{")
        (folder / "model-rank-0-part-7.safetensors").write_bytes(b"of an older layout")
    if damage == "stray":
        (folder / "model-rank-0-part-1.safetensors").write_bytes(b"vLLM would load this")
    if damage == "nested":
        write_artifact(folder / "theirs" / OTHER, key=OTHER)
    nested = folder_contents(folder / "theirs") if damage == "nested" else {}
    assert faults(*rules).run("publish", output).result == CREATED_AT
    assert {name: content for name, content in folder_contents(output).items() if "/theirs" not in name} == made
    assert (folder_contents(folder / "theirs") if damage == "nested" else {}) == nested


@unsupported_calls
def test_prunes_older_artifacts(faults: FaultyVolume, output: Path, rules: list[str]) -> None:
    write_artifact(output / KEY)
    write_artifact(output / OTHER, key=OTHER, created_at="2025-01-01T00:00:00Z")
    assert faults(*rules).run("prune", output, "1").result["removed"] == [OTHER]
    assert sorted(path.name for path in output.iterdir() if path.name != ".staging") == [KEY]


@pytest.mark.parametrize(
    "rules", [UNSUPPORTED_CALLS["rename ENOSYS"], UNSUPPORTED_CALLS["flock ENOLCK"], UNSUPPORTED_CALLS["all"]]
)
def test_two_workers_with_one_key_publish_one_artifact(faults: FaultyVolume, output: Path, rules: list[str]) -> None:
    volume = faults(*rules)
    with volume.running("publish-on-request", output) as one, volume.running("publish-on-request", output) as other:
        for worker in (one, other):
            assert worker.stdout
            assert worker.stdout.readline() == "staged\n"
        for worker in (one, other):
            assert worker.stdin
            worker.stdin.write("\n")
            worker.stdin.flush()
        assert [outcome_of(worker).result for worker in (one, other)] == [CREATED_AT, CREATED_AT]
    assert find_damage(output / KEY, KEY) == ""
    assert [path.name for path in output.iterdir()] == [KEY]


@pytest.mark.parametrize("rules", [[], UNSUPPORTED_CALLS["flock ENOLCK"], UNSUPPORTED_CALLS["all"]])
def test_removes_the_staging_of_dead_workers_and_no_other(faults: FaultyVolume, output: Path, rules: list[str]) -> None:
    volume = faults(*rules)
    with (
        volume.running("publish-on-request", output) as running,
        volume.running("publish-on-request", output) as killed,
    ):
        for worker in (running, killed):
            assert worker.stdout
            assert worker.stdout.readline() == "staged\n"
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert len(list(output.glob(".staging/*.owner"))) == 2
        assert volume.run("publish", output).result == CREATED_AT
        [owner] = output.glob(".staging/*.owner")
        assert owner.name.endswith(f"-{running.pid}.owner")
        assert (owner.with_suffix("") / PART).is_file()


@pytest.mark.parametrize("rules", [[], UNSUPPORTED_CALLS["flock ENOSYS"]])
@pytest.mark.parametrize(("last_heartbeat", "stays"), [(0, True), (10_000, False)])
def test_a_worker_on_another_node_counts_as_running_while_it_sends_heartbeats(
    faults: FaultyVolume, output: Path, rules: list[str], last_heartbeat: int, stays: bool
) -> None:
    """Its lock may not reach this node: only the time of its last heartbeat counts."""
    staged = output / ".staging" / f"{OTHER}.elsewhere"
    staged.mkdir(parents=True)
    owner = output / ".staging" / f"{OTHER}.elsewhere.owner"
    owner.write_text('{"token": "t", "boot_id": "another", "pid_namespace": "pid:[1]", "pid": 1, "start_time": "1"}')
    os.utime(owner, (owner.stat().st_mtime - last_heartbeat,) * 2)
    assert faults(*rules).run("publish", output).result == CREATED_AT
    assert (staged.exists(), owner.exists()) == (stays, stays)


def test_names_a_call_that_has_no_fallback(faults: FaultyVolume, output: Path) -> None:
    ended = faults(f"fsync {errno.ENOSYS} probe.").run("prepare", output)
    assert ended.reason == Reason.VOLUME_NOT_WRITABLE
    assert f"cannot sync a file in {output}: Function not implemented" in ended.message
    assert "another storage class" in ended.message


@pytest.mark.parametrize("rules", [UNSUPPORTED_CALLS["rename_folder EXDEV"], UNSUPPORTED_CALLS["all"]])
def test_killed_at_any_step(faults: FaultyVolume, rules: list[str]) -> None:
    """The test on a disk, on a volume that supports fewer calls."""
    tests = "tests/unit/worker/publish/test_publish_killed.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, "-k", "renamed"]
    rules = [rule.replace(" output", "") for rule in rules]
    finished = subprocess.run(command, env=faults(*rules).environment, text=True, capture_output=True)
    assert finished.returncode == 0, finished.stdout
