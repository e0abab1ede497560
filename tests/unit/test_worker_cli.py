"""The command line: its last line is a report, its exit code the reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shardwright_worker.artifact.find import artifact_keys
from shardwright_worker.cli import main
from shardwright_worker.contract.progress import Stage, read_progress
from shardwright_worker.contract.reasons import Reason, reason_of_exit_code
from shardwright_worker.contract.report import Report, read_report
from tests.harness.tiny_files import FIRST, model_files, write_artifact, write_files

COMMAND = [sys.executable, "-m", "shardwright_worker.cli"]
LARGE = "large.safetensors"
CHUNK = 10 * 1024 * 1024  # the hub client writes so many bytes at a time


def last_report(text: str) -> Report:
    report = read_report(text.splitlines()[-1])
    assert report is not None, text
    return report


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_files(tmp_path / "model", model_files())


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
    assert "prepare" in report.durations
    assert (tmp_path / "report").read_text() == out.splitlines()[-1]
    progress = [read_progress(line) for line in out.splitlines()[:-1]]
    assert all(progress)
    assert {each.stage for each in progress if each} == {Stage.PREPARING, Stage.DIGESTING}


def test_a_failure_is_told_to_people_and_programs(
    model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (model / FIRST).unlink()
    words = ["prepare", "--source", str(model), "--output", str(tmp_path / "out"), "--report", str(tmp_path / "report")]
    code = main(words)
    captured = capsys.readouterr()
    report = last_report(captured.out)
    assert reason_of_exit_code(code) == report.reason == Reason.SOURCE_INCOMPLETE
    assert report.exit_code == code
    assert "Prepare failed, SourceIncomplete: model-00001" in captured.err
    assert "What to do: Complete the source" in captured.err
    assert read_report((tmp_path / "report").read_text()) == report


@pytest.mark.parametrize(
    ("words", "stage", "message"),
    [
        ([], "Worker", "required: COMMAND"),
        (["shrad"], "Worker", "invalid choice"),
        (["shard", "--source", "/m"], "Shard", "required: --output"),
        (["prepare", "--output", "/o"], "Prepare", "either --source DIR or --repo"),
        (["prepare", "--source", "/m", "--output", "/o", "--volume-root", "/p"], "Prepare", "not inside --volume-root"),
        (["prepare", "--source", "/m", "--output", "/o", "--keep", "0"], "Prepare", "keep at least 1"),
        (["shard", "--model", "org/model", "--output", "/o"], "Shard", "no local directory"),
        (["shard", "--output", "/o"], "Shard", "(not given)"),
        (["shard", "--source", "/", "--output", "/o", "--artifact-name", "../x"], "Shard", "16 hex digits"),
        (["check", "/nowhere"], "Check", "no such folder"),
    ],
)
def test_command_lines_that_cannot_be(
    words: list[str], stage: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "report"
    code = main([*words, f"--report={file}"] if words else [])
    report = last_report(capsys.readouterr().out)
    assert report.stage == stage
    assert message in report.message
    assert code == report.exit_code != 0
    if words:
        assert read_report(file.read_text()) == report


def test_what_nobody_foresaw_is_a_report_too(tmp_path: Path) -> None:
    words = ["check", str(tmp_path), "--report", str(tmp_path / "no" / "folder" / "report")]
    breaking = "import sys, shardwright_worker.artifact.check as m\ndef broken(*_): raise KeyError('surprise')\n"
    code = f"{breaking}m.check_artifact = broken\nfrom shardwright_worker.cli import main\nsys.exit(main({words}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    report = last_report(done.stdout)
    assert report.reason == Reason.UNEXPECTED_ERROR
    assert (report.error_type, report.message) == ("KeyError", "KeyError: 'surprise'")
    assert done.returncode == report.exit_code
    assert "Traceback" in done.stderr
    assert "cannot write the report" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("cannot write")


def test_check_and_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = write_artifact(tmp_path)
    assert main(["check", str(tmp_path), "--for-serving", "--tensor-parallel-size", "2"]) == 0
    report = last_report(capsys.readouterr().out)
    assert report.key == manifest.key
    assert report.message == "3 files, 4 tensors: sizes and headers are as recorded and fits this server"
    pasted = ["--model", "/models/x", "--load-format", "sharded_state", *manifest.engine.settings.serving_arguments()]
    assert main(["check", str(tmp_path), "--for-serving", *pasted]) == 0
    capsys.readouterr()
    assert main(["check", str(tmp_path), "--for-serving"]) == 32
    assert "--tensor-parallel-size is 1" in last_report(capsys.readouterr().out).message
    assert main(["check", str(tmp_path), "--deep"]) == 0
    capsys.readouterr()
    assert main(["inspect", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == manifest.to_wire()
    assert main(["inspect", str(tmp_path)]) == 0
    assert manifest.key in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "none")]) == 61
    assert "no such folder" in capsys.readouterr().err


def test_older_artifacts_are_pruned(model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    output = tmp_path / "out"
    for day, key in enumerate(["a" * 16, "b" * 16, "c" * 16]):
        write_artifact(output / key, key=key, created_at=f"2026-01-0{day + 1}T00:00:00Z")
    words = ["prepare", "--source", str(model), "--output", str(output), "--keep", "1", "--published", "a" * 16]
    assert main(words) == 0
    assert last_report(capsys.readouterr().out).upkeep["removed"] == "b" * 16
    assert artifact_keys(output) == ["a" * 16, "c" * 16]
