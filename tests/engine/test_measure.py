"""A stock vLLM loads the source and the shards under a clock, and the artifact is published either way."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.progress_line import Progress, Stage
from tests.engine.conftest import Make
from tools.models import language


@pytest.mark.parametrize("ranks", [1, 2])
def test_both_loads_are_measured(make: Make, output: Path, tmp_path: Path, ranks: int) -> None:
    source = language.llama(tmp_path / "source")
    stages: list[str] = []

    def watch(progress: Progress) -> None:
        if progress.stage not in stages:
            stages.append(progress.stage)

    report = make(source, watch=watch, measure=True, tensor_parallel_size=ranks)
    assert stages == [Stage.LOADING, Stage.SAVING, Stage.VERIFYING, Stage.PUBLISHING, Stage.MEASURING]
    manifest = read_manifest(output / report.key)
    measured = manifest.measured
    assert measured is not None
    assert measured == report.measured
    assert measured.source.seconds > 0
    assert measured.shards.seconds > 0
    assert measured.source.seconds + measured.shards.seconds < manifest.duration_seconds["measure"]
    for load in (measured.source, measured.shards):
        assert load.bytes_read is None or load.bytes_read > 0
    assert [path.name for path in output.iterdir()] == [report.key]


def test_a_load_that_fails_costs_no_artifact(
    make: Make, output: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The configuration beside the shards is missing while they are measured."""
    away = tmp_path / "config.json"

    def watch(progress: Progress) -> None:
        if progress.stage == Stage.MEASURING and not away.exists():
            next(output.glob("*/config.json")).rename(away)

    source = language.llama(tmp_path / "source")
    report = make(source, watch=watch, measure=True)
    assert report.measured is None
    assert report.verified_by == "Load"
    assert "The loads are not measured" in capfd.readouterr().err
    away.rename(output / report.key / "config.json")
    assert make(source, measure=True) == report
