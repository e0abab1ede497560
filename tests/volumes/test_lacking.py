"""Volumes without folder renames, modes or locks: there is another way, and the artifact is the same."""

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
from tests.volumes.contents import contents
from tests.volumes.worker import MADE, Faults, outcome_of
from tools.testing.tiny_files import KEY, write_artifact

PART = "model-rank-1-part-0.safetensors"
OTHER = "f" * 16
UNABLE = (errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.EPERM)
LACKS = {
    **{f"rename_folder {errno.errorcode[number]}": [f"rename_folder {number}"] for number in (*UNABLE, errno.EXDEV)},
    "rename_folder of an object store": [f"rename_folder {errno.EMFILE}"],
    **{f"rename {errno.errorcode[number]}": [f"rename {number} output"] for number in (errno.ENOSYS, errno.ENOTSUP)},
    **{f"chmod {errno.errorcode[number]}": [f"chmod {number} output"] for number in UNABLE},
    **{f"flock {errno.errorcode[number]}": [f"flock {number}"] for number in (errno.ENOLCK, *UNABLE[:3], errno.EBADF)},
    "all": [f"rename {errno.ENOSYS} output", f"chmod {errno.ENOTSUP} output", f"flock {errno.ENOLCK}"],
}
lacking = pytest.mark.parametrize("rules", LACKS.values(), ids=LACKS.keys())


@pytest.fixture
def made(faults: Faults, tmp_path: Path) -> dict[str, bytes | str]:
    """What a volume that can do everything holds after a publish."""
    faults.run("publish", tmp_path / "able")
    return contents(tmp_path / "able")


@lacking
def test_prepare_takes_the_volume_and_the_artifact_is_the_same(
    faults: Faults, output: Path, made: dict[str, bytes | str], rules: list[str]
) -> None:
    volume = faults(*rules)
    assert volume.run("prepare", output).reason == ""
    assert volume.run("publish", output).result == MADE
    assert contents(output) == made
    assert volume.run("prepare", output).result == MADE
    assert volume.run("publish", output, "2026-03-03T00:00:00Z").result == MADE
    assert contents(output) == made


@lacking
@pytest.mark.parametrize("damage", ["lost", "broken", "nested", "empty", "stray"])
def test_what_a_new_artifact_may_replace_is_replaced(
    faults: Faults, output: Path, made: dict[str, bytes | str], rules: list[str], damage: str
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
    nested = contents(folder / "theirs") if damage == "nested" else {}
    assert faults(*rules).run("publish", output).result == MADE
    assert {name: content for name, content in contents(output).items() if "/theirs" not in name} == made
    assert (contents(folder / "theirs") if damage == "nested" else {}) == nested


@lacking
def test_older_artifacts_are_pruned(faults: Faults, output: Path, rules: list[str]) -> None:
    write_artifact(output / KEY)
    write_artifact(output / OTHER, key=OTHER, created_at="2025-01-01T00:00:00Z")
    assert faults(*rules).run("prune", output, "1").result["removed"] == [OTHER]
    assert sorted(path.name for path in output.iterdir() if path.name != ".staging") == [KEY]


@pytest.mark.parametrize("rules", [LACKS["rename ENOSYS"], LACKS["flock ENOLCK"], LACKS["all"]])
def test_two_workers_with_one_key_make_one_artifact(faults: Faults, output: Path, rules: list[str]) -> None:
    volume = faults(*rules)
    with volume.running("publish-told", output) as one, volume.running("publish-told", output) as other:
        for worker in (one, other):
            assert worker.stdout
            assert worker.stdout.readline() == "staged\n"
        for worker in (one, other):
            assert worker.stdin
            worker.stdin.write("\n")
            worker.stdin.flush()
        assert [outcome_of(worker).result for worker in (one, other)] == [MADE, MADE]
    assert find_damage(output / KEY, KEY) == ""
    assert [path.name for path in output.iterdir()] == [KEY]


@pytest.mark.parametrize("rules", [[], LACKS["flock ENOLCK"], LACKS["all"]])
def test_living_neighbours_keep_their_staging_and_the_dead_lose_it(
    faults: Faults, output: Path, rules: list[str]
) -> None:
    volume = faults(*rules)
    with volume.running("publish-told", output) as lives, volume.running("publish-told", output) as dies:
        for worker in (lives, dies):
            assert worker.stdout
            assert worker.stdout.readline() == "staged\n"
        dies.send_signal(signal.SIGKILL)
        dies.wait()
        assert len(list(output.glob(".staging/*.owner"))) == 2
        assert volume.run("publish", output).result == MADE
        [owner] = output.glob(".staging/*.owner")
        assert owner.name.endswith(f"-{lives.pid}.owner")
        assert (owner.with_suffix("") / PART).is_file()


@pytest.mark.parametrize("rules", [[], LACKS["flock ENOSYS"]])
@pytest.mark.parametrize(("silent_for", "stays"), [(0, True), (10_000, False)])
def test_a_worker_on_another_node_lives_while_it_gives_signs(
    faults: Faults, output: Path, rules: list[str], silent_for: int, stays: bool
) -> None:
    """A lock that ends at the node says nothing of it: only the time of its last sign does."""
    staged = output / ".staging" / f"{OTHER}.elsewhere"
    staged.mkdir(parents=True)
    owner = output / ".staging" / f"{OTHER}.elsewhere.owner"
    owner.write_text('{"token": "t", "boot_id": "another", "pid_namespace": "pid:[1]", "pid": 1, "start_time": "1"}')
    os.utime(owner, (owner.stat().st_mtime - silent_for,) * 2)
    assert faults(*rules).run("publish", output).result == MADE
    assert (staged.exists(), owner.exists()) == (stays, stays)


def test_what_the_volume_cannot_do_at_all_is_named(faults: Faults, output: Path) -> None:
    ended = faults(f"fsync {errno.ENOSYS} probe.").run("prepare", output)
    assert ended.reason == Reason.VOLUME_NOT_WRITABLE
    assert f"cannot sync a file in {output}: Function not implemented" in ended.message
    assert "another storage class" in ended.message


@pytest.mark.parametrize("rules", [LACKS["rename_folder EXDEV"], LACKS["all"]])
def test_killed_at_any_step(faults: Faults, rules: list[str]) -> None:
    """The test of a disk, on a volume that can do less."""
    tests = "tests/unit/test_worker_publish_killed.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, "-k", "renamed"]
    rules = [rule.replace(" output", "") for rule in rules]
    done = subprocess.run(command, env=faults(*rules).environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout
