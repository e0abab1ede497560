"""The subcommands check and inspect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shardwright_worker.cli.main import main
from tests.unit.worker.cli_cases import last_report
from tools.testing.tiny_files import write_artifact


def test_environment_of_a_server_that_may_decide_shards_is_reported(
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
