"""The page of the command line names every flag: those of the worker, and those of vLLM's script."""

from __future__ import annotations

import argparse
import json

import pytest

from shardwright_worker.cli.arguments import build_parser, subparsers_of
from tools.docs import command_line
from tools.vllm_flags import FILE

PAGE = command_line.page()


@pytest.mark.parametrize("command", subparsers_of(build_parser()))
def test_every_flag_is_described(command: str) -> None:
    actions = subparsers_of(build_parser())[command]._actions
    shown = [one for one in actions if one.help != argparse.SUPPRESS and not isinstance(one, argparse._HelpAction)]
    assert shown
    assert [one.dest for one in shown if one.help and one.help.replace("|", "\\|") not in PAGE] == []
    assert [flag for one in shown for flag in one.option_strings if f"`{flag}`" not in PAGE] == []


def test_every_flag_of_vllms_script_is_mapped() -> None:
    mapped = PAGE.partition("## Flags of vLLM")[2]
    rows: dict[str, list[str]] = json.loads(FILE.read_text())
    flags = [one for flag, (others, _) in rows.items() for one in (flag, *others.split())]
    assert [flag for flag in flags if mapped.count(f"`{flag}`") != 1] == []
