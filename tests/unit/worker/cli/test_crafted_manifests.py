"""A crafted manifest causes no traceback, and no control character reaches the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shardwright_worker.cli.main import main
from tools.testing.tiny_files import write_artifact


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
def test_a_crafted_manifest_is_shown_without_control_characters(
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
