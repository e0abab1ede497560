"""The command line: its last line is a report, its exit code that of the reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shardwright_worker.cli.main import main
from shardwright_worker.contract.reasons import Reason, reason_of_exit_code
from shardwright_worker.contract.report import read_report
from tests.unit.worker.cli_cases import last_report
from tools.testing.tiny_files import FIRST


def test_a_failure_is_reported_on_stderr_and_in_the_report(
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
    assert "What to do: Add what the message lists to the source" in captured.err
    assert read_report((tmp_path / "report").read_text()) == report


@pytest.mark.parametrize(
    ("words", "stage", "message"),
    [
        ([], "Worker", "required: COMMAND"),
        (["shrad"], "Worker", "invalid choice"),
        (["shard", "--source", "/m"], "Shard", "required: --output"),
        (["prepare", "--output", "/o"], "Prepare", "either --source DIR or --repo"),
        (["prepare", "--source", "/m", "--output", "/o", "--volume-root", "/p"], "Prepare", "not inside --volume-root"),
        (["prepare", "--source", "/m", "--output", "/o", "--history-limit", "0"], "Prepare", "must be at least 1"),
        (["shard", "--model", "org/model", "--output", "/o"], "Shard", "is not a local directory"),
        (["shard", "--output", "/o"], "Shard", "(not set)"),
        (["shard", "--source", "/", "--output", "/o", "--artifact-name", "../x"], "Shard", "16 hex digits"),
        (["check", "/nowhere"], "Check", "no such folder"),
        (["check", "/nowhere", "--tensor-parallel-size", "2"], "Check", "unrecognized arguments"),
        (["check", "--for-serving", "--port", "8000", "/nowhere"], "Check", "folder comes first, before --port"),
        (["check", "--for-serving"], "Check", "folder comes first"),
    ],
)
def test_invalid_command_lines_are_reported(
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


@pytest.mark.parametrize("version", ["0.25.1", "0.34.0"])
def test_a_vllm_that_is_not_supported_is_refused_before_the_source_is_read(
    version: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "packages" / f"vllm-{version}.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
    monkeypatch.syspath_prepend(installed.parent)
    code = main(["shard", "--source", "/nowhere", "--output", str(tmp_path / "out")])
    report = last_report(capsys.readouterr().out)
    assert reason_of_exit_code(code) == report.reason == Reason.UNSUPPORTED_ENGINE
    assert f"vLLM {version} is installed" in report.message
    assert not (tmp_path / "out").exists()


def test_an_unexpected_error_is_reported(tmp_path: Path) -> None:
    words = ["check", str(tmp_path), "--report", str(tmp_path / "no" / "folder" / "report")]
    breaking = "import sys, shardwright_worker.artifact.check as m\ndef broken(*_): raise KeyError('surprise')\n"
    code = f"{breaking}m.check_artifact = broken\nfrom shardwright_worker.cli.main import main\nsys.exit(main({words}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    report = last_report(done.stdout)
    assert report.reason == Reason.UNEXPECTED_ERROR
    assert (report.error_type, report.message) == ("KeyError", "KeyError: 'surprise'")
    assert done.returncode == report.exit_code
    assert "Traceback" in done.stderr
    assert "cannot write the report" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("cannot write")
