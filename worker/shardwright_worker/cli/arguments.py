"""The worker's command line: its parser and its four subcommands."""

import argparse
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple, NoReturn

from shardwright_worker.cli.artifact_flags import CHECK_USAGE, add_check_flags, add_inspect_flags, split_server_line
from shardwright_worker.cli.stage_flags import add_prepare_flags, add_shard_flags
from shardwright_worker.cli.vllm_spelling import plain_spelling
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason

_EPILOG = """\
Progress is a bar on a terminal and JSON lines otherwise; the last line of stdout is a report in JSON. The exit code is
that of the reason of a failure: docs/failure-modes.md lists them. HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE name proxies
and certificate authorities.
"""
_INSPECT_EPILOG = "If DIR cannot be read, the exit code is that of the reason: docs/failure-modes.md lists them."


class Parser(argparse.ArgumentParser):
    """Raises WorkerFailure instead of ending with exit code 2, so that a Job's pod always leaves a report."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"{message} (see {self.prog} --help)")

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Convert values as argparse does, but read `--flag=--` as the value `--`, which argparse drops."""
        if not action.option_strings or arg_strings != ["--"]:
            return super()._get_values(action, arg_strings)
        value = self._get_value(action, "--")
        self._check_value(action, value)
        return value if action.nargs is None else [value]


class _Subcommand(NamedTuple):
    help: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    usage: str | None = None
    epilog: str = _EPILOG


_SUBCOMMANDS = {
    "prepare": _Subcommand(
        "check or fetch a source and look for an artifact that was made from it; needs no GPU", add_prepare_flags
    ),
    "shard": _Subcommand(
        "load a model with vLLM, save, verify and publish its shards; needs no network", add_shard_flags
    ),
    "check": _Subcommand(
        "verify that an artifact is complete, and that a server can load it", add_check_flags, CHECK_USAGE
    ),
    "inspect": _Subcommand("print what an artifact is and how it was made", add_inspect_flags, epilog=_INSPECT_EPILOG),
}


def build_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="shardwright-worker",
        description="Makes, verifies and inspects vLLM sharded-state checkpoints.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"shardwright-worker {_own_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name, one in _SUBCOMMANDS.items():
        description = one.help[0].upper() + one.help[1:] + "."
        command = commands.add_parser(
            name, help=one.help, description=description, usage=one.usage, epilog=one.epilog, allow_abbrev=False
        )
        one.add_flags(command)
    return parser


def read_arguments(words: list[str]) -> argparse.Namespace:
    """Return the parsed command line; `server` holds the server's part of `check --for-serving`.

    Raises:
        WorkerFailure: InvalidEngineArguments if it cannot be parsed.
    """
    own, server = split_server_line(words) if words[:1] == ["check"] and "--for-serving" in words else (words, [])
    if words[:1] in (["prepare"], ["shard"]):
        own = plain_spelling(words)
    parser = build_parser()
    arguments, unknown = parser.parse_known_args(own)
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{_advice(parser, arguments.command, unknown)}")
    arguments.server = server
    return arguments


def subparsers_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each subcommand by its name."""
    (commands,) = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(commands.choices)


def _advice(parser: Parser, command: str, unknown: list[str]) -> str:
    """Return what to write instead of a flag that was cut short, which vLLM's parser takes and this one does not."""
    (first, *_), flags = unknown, subparsers_of(parser)[command]._option_string_actions
    meant = [flag for flag in flags if first.startswith("--") and flag.startswith(first.partition("=")[0])]
    return f"; write the whole flag: {', '.join(meant[:3])}" if meant else ""


def _own_version() -> str:
    try:
        return version("shardwright-worker")
    except PackageNotFoundError:
        return "(not installed)"
