"""A worker that is killed or terminated, at any point, leaves nothing with a final name; the next one publishes.

The artifact of the next one has the bytes of an undisturbed one, what the killed one left is removed, and what belongs
to a worker that runs is not.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.engine import vllm_engine
from shardwright_worker.engine.child import Child
from shardwright_worker.publish import publish, replace_manifest
from shardwright_worker.publish.staging import Staging
from shardwright_worker.shard.copy_metadata import copy_metadata
from shardwright_worker.shard.engine_refusals import refuse_online_quantization
from shardwright_worker.verify import verify_stage
from shardwright_worker.writer.output_file import OutputFile
from tests.engine.points import Point, reached, start
from tools.models import language

LOADER = "vllm.model_executor.model_loader.sharded_state_loader"
# The worker's own process, in the order that it comes there.
LOAD = Point.at(Child.wait)
COPY = Point.at(copy_metadata)
VERIFY = Point.at(verify_stage._load)
PUBLISH = Point.at(publish.publish)
NAME = Point.at(publish._publish_as)
REPLACE = Point(replace_manifest.__name__, "fsync_path")
# Processes of the engine.
ENGINE = Point.at(vllm_engine._build_executor)
LOADING = [Point.at(refuse_online_quantization, rank) for rank in "01"]
SAVING = [Point.at(OutputFile.sync, rank) for rank in "01"]
VERIFYING = [Point(LOADER, "ShardedStateLoader.load_weights", rank) for rank in "01"]
SERVER = Point.at(Child.wait, whom="fork server")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language.llama(tmp_path_factory.mktemp("crash") / "source")


@pytest.fixture(scope="module")
def undisturbed(source: Path) -> dict[str, str]:
    """Digests of the files of an artifact whose worker was not disturbed."""
    output = source.parent / "undisturbed"
    output.mkdir()
    report = _end(start(source, output, "only"))
    assert report["succeeded"], report
    return _digests(output / report["key"])


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Path]:
    """A volume that another worker is using."""
    folder = tmp_path / "output"
    folder.mkdir()
    with Staging(folder, "0" * 16, "alive") as staging:
        (staging.path / "model.safetensors").write_text("not yet whole")
        yield folder
        assert (staging.path / "model.safetensors").read_text() == "not yet whole"


def _end(worker: subprocess.Popen[str]) -> Any:
    """Its last line as JSON; nothing if it had no time for one."""
    text, _ = worker.communicate(timeout=300)
    lines = [line for line in text.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {}


def _digests(folder: Path) -> dict[str, str]:
    manifest = read_manifest(folder)
    parts = {part.file: part.sha256 for part in manifest.parts}
    return {**parts, **{file.name: file.sha256 for file in manifest.metadata}}


def _artifacts(output: Path) -> list[Path]:
    return [path.parent for path in output.glob("*/shardwright.json")]


def _the_next_one_publishes(source: Path, output: Path, undisturbed: dict[str, str]) -> None:
    report = _end(start(source, output, "second"))
    assert report["succeeded"], report
    assert _artifacts(output) == [output / report["key"]]
    assert _digests(output / report["key"]) == undisturbed
    staged = {path.name.partition(".owner")[0] for path in (output / ".staging").iterdir()}
    assert staged == {"0" * 16 + ".alive"}


def _dies(source: Path, output: Path, point: Point) -> None:
    worker = start(source, output, "killed", point=point)
    _end(worker)
    assert reached(output, "killed").exists()
    assert worker.returncode == -signal.SIGKILL
    assert not _artifacts(output)


def _stops(source: Path, output: Path, point: Point) -> None:
    worker = start(source, output, "terminated", point=point, number=signal.SIGTERM)
    report = _end(worker)
    assert reached(output, "terminated").exists()
    assert (worker.returncode, report["reason"]) == (MEANINGS[Reason.DISRUPTED].exit_code, Reason.DISRUPTED)
    assert not _artifacts(output)


def _loses(source: Path, output: Path, point: Point, number: signal.Signals) -> Any:
    """A process of the engine is killed; the report says so, and nothing stays."""
    worker = start(source, output, "lost", point=point, number=number)
    report = _end(worker)
    assert reached(output, "lost").exists()
    assert report["reason"] == Reason.UNEXPECTED_ERROR, report
    assert worker.returncode == MEANINGS[Reason.UNEXPECTED_ERROR].exit_code
    assert not _artifacts(output)
    assert {path.name.partition(".owner")[0] for path in (output / ".staging").iterdir()} == {"0" * 16 + ".alive"}
    return report


def test_after_a_terminated_and_a_killed_worker_the_next_one_publishes(
    source: Path, output: Path, undisturbed: dict[str, str]
) -> None:
    _stops(source, output, VERIFY)
    _dies(source, output, COPY)
    _the_next_one_publishes(source, output, undisturbed)


def test_a_rank_that_is_killed_while_it_verifies_is_not_a_failed_verification(source: Path, output: Path) -> None:
    report = _loses(source, output, VERIFYING[1], signal.SIGKILL)
    assert report["rank"] == 1
    assert "rank 1's process was killed by SIGKILL" in report["message"]


@pytest.mark.long
def test_a_killed_fork_server_is_reported(source: Path, output: Path) -> None:
    assert "the fork server" in _loses(source, output, SERVER, signal.SIGKILL)["message"]


def test_two_workers_at_the_same_time(source: Path, output: Path, undisturbed: dict[str, str]) -> None:
    workers = [start(source, output, name) for name in ("one", "two")]
    reports = [_end(worker) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert reports[0]["artifact"] == reports[1]["artifact"]
    assert [_digests(folder) for folder in _artifacts(output)] == [undisturbed]


@pytest.mark.long
@pytest.mark.parametrize("point", [LOAD, COPY, VERIFY, PUBLISH, NAME], ids=str)
def test_a_worker_is_killed_at_any_point(source: Path, output: Path, undisturbed: dict[str, str], point: Point) -> None:
    _dies(source, output, point)
    _the_next_one_publishes(source, output, undisturbed)


@pytest.mark.long
@pytest.mark.parametrize("point", [LOAD, COPY, VERIFY, PUBLISH, NAME], ids=str)
def test_a_worker_is_terminated_at_any_point(
    source: Path, output: Path, undisturbed: dict[str, str], point: Point
) -> None:
    _stops(source, output, point)
    _the_next_one_publishes(source, output, undisturbed)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS])
@pytest.mark.parametrize("point", [*LOADING, *SAVING, VERIFYING[0]], ids=str)
def test_a_rank_that_is_killed_is_named(source: Path, output: Path, point: Point, number: signal.Signals) -> None:
    report = _loses(source, output, point, number)
    assert report["rank"] == int(point.rank)
    assert number.name in report["message"]


@pytest.mark.long
def test_a_killed_engine_is_reported(source: Path, output: Path) -> None:
    assert "SIGKILL" in _loses(source, output, ENGINE, signal.SIGKILL)["message"]


@pytest.mark.long
def test_a_worker_is_killed_while_it_verifies_again(source: Path, output: Path) -> None:
    first = _end(start(source, output, "first", "--verification", "digests"))
    folder = output / first["key"]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for number, module in enumerate((VERIFY, REPLACE)):
        worker = start(source, output, f"killed-{number}", point=module)
        _end(worker)
        assert worker.returncode == -signal.SIGKILL
        assert {path.name: path.read_bytes() for path in folder.iterdir()}.keys() == before.keys()
        assert read_manifest(folder).verification.level == ("Digests", "Load")[number]
