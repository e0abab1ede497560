"""The subcommand prepare."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.artifact.find import artifact_keys
from shardwright_worker.cli.main import main
from shardwright_worker.contract.progress_line import Stage, read_progress
from shardwright_worker.contract.reasons import Reason
from tests.unit.worker.cli_cases import last_report
from tools.testing.tiny_files import KEY, write_artifact


def test_prepare_ends_with_its_report(model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = [
        "prepare",
        "--source",
        str(model),
        "--output",
        str(tmp_path / "v/ns/x"),
        "--volume-root",
        str(tmp_path / "v"),
    ]
    assert main([*words, "--report", str(tmp_path / "report")]) == 0
    out = capsys.readouterr().out
    report = last_report(out)
    assert report.succeeded
    assert report.stage == "Prepare"
    assert "prepare" in report.duration_seconds
    assert (tmp_path / "report").read_text() == out.splitlines()[-1]
    progress = [read_progress(line) for line in out.splitlines()[:-1]]
    assert all(progress)
    assert {each.stage for each in progress if each} == {Stage.PREPARING, Stage.DIGESTING}


def test_older_artifacts_are_pruned(model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    output = tmp_path / "out"
    for day, key in enumerate([KEY, "b" * 16, "c" * 16]):
        write_artifact(output / key, key=key, created_at=f"2026-01-0{day + 1}T00:00:00Z")
    words = ["prepare", "--source", str(model), "--output", str(output), "--history-limit", "1", "--published", KEY]
    assert main(words) == 0
    pruned = last_report(capsys.readouterr().out).maintenance.pruned
    assert pruned is not None
    assert pruned.removed == ["b" * 16]
    assert artifact_keys(output) == sorted([KEY, "c" * 16])


def test_nothing_is_pruned_while_the_published_artifact_is_incomplete(
    model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    write_artifact(output / ("b" * 16), key="b" * 16, created_at="2025-01-01T00:00:00Z")
    write_artifact(output / KEY)
    next((output / KEY).glob("*.safetensors")).unlink()
    words = ["prepare", "--source", str(model), "--output", str(output), "--history-limit", "1", "--published", KEY]
    assert main(words) == 0
    assert last_report(capsys.readouterr().out).maintenance.damage
    assert artifact_keys(output) == sorted(["b" * 16, KEY])


def test_a_published_artifact_is_checked_even_if_its_source_is_missing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    write_artifact(output / ("b" * 16), key="b" * 16, created_at="2025-01-01T00:00:00Z")
    write_artifact(output / KEY)
    words = ["prepare", "--source", str(tmp_path / "gone"), "--output", str(output)]
    assert main(words) != 0
    assert last_report(capsys.readouterr().out).reason == Reason.SOURCE_NOT_FOUND
    assert main([*words, "--published", KEY, "--history-limit", "1"]) == 0
    report = last_report(capsys.readouterr().out)
    assert (report.key, report.source) == (KEY, None)
    assert report.artifact
    assert report.artifact.key == KEY
    assert "gone does not exist" in str(report.maintenance.source_problem)
    assert report.maintenance.pruned is not None
    assert report.maintenance.pruned.removed == ["b" * 16]
    part = next((output / KEY).glob("*.safetensors"))
    part.unlink()
    assert main([*words, "--published", KEY]) == 0
    report = last_report(capsys.readouterr().out)
    assert (report.key, report.source, report.artifact) == (KEY, None, None)
    assert part.name in report.message
