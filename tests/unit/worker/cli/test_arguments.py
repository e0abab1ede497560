"""The worker's command line."""

from __future__ import annotations

import pytest

from shardwright_worker.cli.arguments import build_parser


def test_keys_may_be_set_one_by_one_or_together() -> None:
    line = [
        "prepare",
        "--source",
        "/m",
        "--output",
        "/o",
        "--history-limit",
        "2",
        "--published",
        "a",
        "--published",
        "b",
    ]
    arguments = build_parser().parse_args([*line, "--in-use", "c", "d"])
    assert (arguments.history_limit, arguments.published, arguments.in_use) == (2, ["a", "b"], ["c", "d"])


def test_lists_are_not_shared_between_command_lines() -> None:
    build_parser().parse_args(["prepare", "--repo", "a/b", "--output", "/o", "--include", "x"])
    assert build_parser().parse_args(["prepare", "--repo", "a/b", "--output", "/o"]).include == []


@pytest.mark.parametrize("command", ["prepare", "shard", "check", "inspect"])
def test_every_subcommand_has_a_help_text(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args([command, "--help"])
    assert caught.value.code == 0
    assert "modes.md" in capsys.readouterr().out
