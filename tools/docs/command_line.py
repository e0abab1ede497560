"""The page of the worker's command line, from its parser, the reasons' exit codes and the tables of vLLM's flags."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from shardwright_worker.cli.arguments import build_parser, subparsers_of
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.vllm_support.other_arguments import RUN_ONLY_BY_TOPIC
from shardwright_worker.contract.vllm_support.releases import SUPPORTED
from shardwright_worker.contract.vllm_support.worker_flags import (
    IGNORED,
    OF_THE_SCRIPT,
    REFUSED,
    SHORT,
    TAKEN,
    WHY_IGNORED,
    flag_of,
)
from tools.docs.command_line_opening import OPENING

_FLAGS = "| flag | meaning |\n|---|---|\n"
_GENERAL = {"positional arguments", "options"}
_OLDER = "of older releases and of `vllm serve`"


def page() -> str:
    """Return the whole page: `shard` first, and what others share with it once."""
    parsers = sorted(subparsers_of(build_parser()).items(), key=lambda item: item[0] != "shard")
    shown: dict[str, str] = {}  # the rows of a group, and the subcommand that has them first
    commands = "".join(_command(name, parser, shown) for name, parser in parsers)
    return f"{OPENING}\n## Subcommands\n\n{commands}{_vllm()}"


def _command(name: str, parser: argparse.ArgumentParser, shown: dict[str, str]) -> str:
    general = "".join(_rows(group) for group in parser._action_groups if group.title in _GENERAL)
    text = f"### {name}\n\n`shardwright-worker {name}`: {parser.description}\n\n{_FLAGS}{general}\n"
    shared: dict[str, list[str]] = {}  # subcommand that has a group first -> titles of groups
    for group in parser._action_groups:
        rows = _rows(group)
        if not rows or group.title in _GENERAL:
            continue
        first, title = shown.setdefault(rows, name), f"**{_capital(group.title or '')}**"
        if first == name:
            text += f"{title}{f': {group.description}' if group.description else ''}\n\n{_FLAGS}{rows}\n"
        else:
            shared.setdefault(first, []).append(title)
    return text + "".join(f"As for [{one}](#{one}): {', '.join(titles)}.\n\n" for one, titles in shared.items())


def _rows(group: argparse._ArgumentGroup) -> str:
    actions = [one for one in group._group_actions if one.help not in (argparse.SUPPRESS, None)]
    return "".join(_row(one) for one in actions if not isinstance(one, argparse._HelpAction))


def _row(action: argparse.Action) -> str:
    names = [*action.option_strings] or [str(action.metavar)]
    value = _value(action) if action.option_strings else ""
    return f"| {', '.join(f'`{name}`' for name in names)}{value} | {_cell(str(action.help))} |\n"


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    metavar = str(action.metavar or "|".join(action.choices or ()) or action.dest.upper())
    return f" `{_cell({'?': f'[{metavar}]', '+': f'{metavar} ...'}.get(str(action.nargs), metavar))}`"


def _vllm() -> str:
    releases = f"{SUPPORTED[0]} to {SUPPORTED[-1]}"
    return (
        "## Flags of vLLM\n\n"
        "vLLM's script has a flag for every engine argument. `shard` and `prepare` know all of those of vLLM\n"
        f"{releases}, in all spellings of vLLM's parser: `--tensor_parallel_size`, `-tp 2`, `--flag=value`,\n"
        "`--no-flag`, `--disable-x` for `--enable-x`, JSON by key as `--hf-overrides.rope_theta 10000`, `-O3`. Flags\n"
        "that are cut short, such as `--tensor-parallel`, are refused: the message names the whole flag.\n\n"
        f"### Taken\n\n{_taken()}\n### Ignored\n\n{_ignored()}\n### Refused\n\n{_refused()}"
    )


def _taken() -> str:
    own = ", ".join(f"`--{name}`" for name in OF_THE_SCRIPT)
    return (
        "With vLLM's name, meaning and default; the tables of [shard](#shard) describe them.\n\n"
        f"- of the script: {own}\n- of the engine: {_listed(TAKEN)}\n"
    )


def _ignored() -> str:
    rows = [(topic, [name for name in names if name in IGNORED]) for topic, names in RUN_ONLY_BY_TOPIC.items()]
    known = {name for _, names in rows for name in names}
    rows.append((_OLDER, sorted(IGNORED - known)))
    return (
        f"They change {WHY_IGNORED}: a note on stderr names those that were set. Pass\n"
        "them to the server.\n\n| about | flags |\n|---|---|\n"
        + "".join(f"| {topic} | {_listed(names)} |\n" for topic, names in rows)
    )


def _refused() -> str:
    reasons: dict[str, list[str]] = {}
    for name, one in REFUSED.items():
        unless = f"; accepted: `{'`, `'.join(one.unless)}`" if one.unless else ""
        reasons.setdefault(one.why + unless, []).append(name)
    code = MEANINGS[Reason.INVALID_ENGINE_ARGUMENTS].exit_code
    return (
        f"With exit code {code}, before a device is used. `--no-flag` is accepted: it asks for nothing.\n\n"
        "| flags | why, and what to do |\n|---|---|\n"
        + "".join(f"| {_listed(names)} | {_cell(why)} |\n" for why, names in reasons.items())
    )


def _listed(names: Iterable[str]) -> str:
    spelled = [(flag_of(name), SHORT.get(name, "")) for name in sorted(names)]
    return ", ".join(f"`{flag}`" + (f" (`{short}`)" if short else "") for flag, short in spelled)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cell(text: str) -> str:
    """Return the text for a cell of a table."""
    return text.replace("|", "\\|").replace("%%", "%")
