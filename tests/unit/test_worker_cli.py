"""The command line: its last line is a report, its exit code the reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shardwright_worker.artifact.find import artifact_keys
from shardwright_worker.cli.main import main
from shardwright_worker.contract.progress_line import Stage, read_progress
from shardwright_worker.contract.reasons import Reason, reason_of_exit_code
from shardwright_worker.contract.report import Report, read_report
from tools.testing.tiny_files import FIRST, KEY, model_files, write_artifact, write_files

COMMAND = [sys.executable, "-m", "shardwright_worker"]
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
    assert "prepare" in report.duration_seconds
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
    code = f"{breaking}m.check_artifact = broken\nfrom shardwright_worker.cli.main import main\nsys.exit(main({words}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    report = last_report(done.stdout)
    assert report.reason == Reason.UNEXPECTED_ERROR
    assert (report.error_type, report.message) == ("KeyError", "KeyError: 'surprise'")
    assert done.returncode == report.exit_code
    assert "Traceback" in done.stderr
    assert "cannot write the report" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("cannot write")


def test_a_servers_environment_that_may_decide_shards_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_artifact(tmp_path)
    monkeypatch.setenv("VLLM_PP_LAYER_PARTITION", "20,12")
    monkeypatch.setenv("VLLM_MLA_DISABLE", "")
    monkeypatch.setenv("VLLM_ROCM_USE_AITER", "1")
    assert main(["check", str(tmp_path), "--for-serving", "-tp=2"]) == 0
    message = last_report(capsys.readouterr().out).message
    assert "VLLM_PP_LAYER_PARTITION is set here and may decide what a rank holds" in message
    assert message.count("is set here") == 1


def test_check_and_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = write_artifact(tmp_path)
    assert main(["check", str(tmp_path), "--for-serving", "--tensor-parallel-size", "2"]) == 0
    report = last_report(capsys.readouterr().out)
    assert report.key == manifest.key
    assert report.message.startswith("3 files, 4 tensors: sizes and headers are as recorded and fits this server")
    server = ["--serving-vllm", "0.32.1", "--serving-accelerator=NVIDIA H200", "--for-serving", "serve", "/models/x"]
    assert main(["check", str(tmp_path), *server, "-tp", "2", "--load-format=sharded_state", "--port", "8000"]) == 0
    assert last_report(capsys.readouterr().out).message.endswith("and fits this server")
    assert main(["check", str(tmp_path), "--for-serving", "-tp=2", "--serving-vllm", "0.33.0"]) == 32
    assert "vLLM is 0.33.0" in last_report(capsys.readouterr().out).message
    assert main(["check", str(tmp_path), "--for-serving", "-tp=2", "--serving-accelerator", "cpu"]) == 32
    assert "the accelerator is cpu" in last_report(capsys.readouterr().out).message
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
    for day, key in enumerate([KEY, "b" * 16, "c" * 16]):
        write_artifact(output / key, key=key, created_at=f"2026-01-0{day + 1}T00:00:00Z")
    words = ["prepare", "--source", str(model), "--output", str(output), "--history-limit", "1", "--published", KEY]
    assert main(words) == 0
    pruned = last_report(capsys.readouterr().out).maintenance.pruned
    assert pruned is not None
    assert pruned.removed == ["b" * 16]
    assert artifact_keys(output) == sorted([KEY, "c" * 16])


def test_nothing_is_pruned_while_the_published_artifact_is_not_whole(
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


def test_what_is_published_is_looked_at_even_if_its_source_is_gone(
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


@pytest.mark.parametrize("command", [["inspect"], ["inspect", "--json"], ["check"], ["check", "--deep"]])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("source.repo", "x\x1b]0;owned\x07\x1b[2Jy\x9b31m\u202e"),
        ("source.revision", "\x1b[2J"),
        ("key", "\x1b[2J"),
        ("key", "../../x"),
        ("parts.0.sha256", "[/nope]"),
        ("parts.0.size", 10**400),
        ("parts.0.size", -1),
        ("parts.0.rank", 10**30),
        ("parts.0.file", "a\x1b[2Jb"),
        ("parts.0.tensors.0.name", "a\x1b[2Jb"),
        ("parts.0.tensors.0.shape", [10**400]),
        ("durationSeconds", {"load\x1b": float("nan"), "save": 10**400}),
        ("engine.settings.hfOverrides", "{"),
        ("engine.settings.hfOverrides", "[" * 5000),
        ("engine.settings.tensorParallelSize", 10**30),
        ("engine.settings.extraArgs", {"runner": "\x1b[2J[/x]"}),
        ("engine.acceleratorName", {}),
        ("engine.vllmVersion", "9" * 5000 + "\x1b"),
        ("createdAt", "\x1b[2J"),
        ("verification.level", "[bold]\x1b"),
        ("maxFileSize", 1e400),
        ("metadata", [{"name": "\x1b", "size": 0, "sha256": ""}]),
    ],
)
def test_a_crafted_manifest_breaks_nothing_and_commands_no_terminal(
    command: list[str], path: str, value: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_artifact(tmp_path)
    file = tmp_path / "shardwright.json"
    place = manifest = json.loads(file.read_text())
    *parents, last = path.split(".")
    for parent in parents:
        place = place[int(parent) if isinstance(place, list) else parent]
    place[last] = value
    file.write_text(json.dumps(manifest))
    served = ["--for-serving", "-tp", "2"] if command == ["check"] else []
    code = main([command[0], str(tmp_path), *command[1:], *served])
    captured = capsys.readouterr()
    assert code in (0, 32, 61)
    assert "Traceback" not in captured.err
    assert all(letter >= " " or letter == "\n" for letter in captured.out + captured.err)
    assert not {"\x9b", "\u202e", "\x7f"} & {*captured.out, *captured.err}
