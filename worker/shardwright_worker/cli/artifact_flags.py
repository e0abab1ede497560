"""Flags of the subcommands that read an artifact: check and inspect."""

import argparse
from itertools import islice

from shardwright_worker.cli.report_flag import add_report_flag
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import one_line

CHECK_USAGE = "%(prog)s DIR [--deep] [--report FILE] [--for-serving [FLAGS OF vllm serve ...]]"
_WITHOUT_VALUE = ("--deep", "--for-serving", "-h", "--help")
_WITH_VALUE = ("--report", "--serving-vllm", "--serving-accelerator")


def add_check_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of check."""
    _add_folder(parser)
    parser.add_argument("--deep", action="store_true", help="read every byte and compare SHA-256 and XXH3 digests")
    group = parser.add_argument_group(
        "server", "the arguments of `vllm serve` may follow as they are: MODEL and flags, or --config FILE"
    )
    group.add_argument(
        "--for-serving",
        action="store_true",
        help="fail if a server with these flags, this vLLM and this accelerator must not load the artifact; every flag "
        "that is not listed here is the server's",
    )
    group.add_argument(
        "--serving-vllm", default="", metavar="VERSION", help="the server's vLLM (default: the one that is installed)"
    )
    group.add_argument(
        "--serving-accelerator",
        default="",
        metavar="NAME",
        help='the server\'s accelerator, such as "NVIDIA H100" (default: those of this machine)',
    )
    add_report_flag(parser)


def add_inspect_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of inspect."""
    _add_folder(parser)
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON instead of tables")


def split_server_line(words: list[str]) -> tuple[list[str], list[str]]:
    """Split `check --for-serving` into the worker's part and the server's; the first bare word is the folder.

    Raises:
        WorkerFailure: InvalidEngineArguments if the folder does not come before the server's flags.
    """
    own, folder = ["check"], ""
    server: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        name, joined, _ = word.partition("=")
        if word in _WITHOUT_VALUE:
            own.append(word)
        elif name in _WITH_VALUE:
            own += [word] if joined else [word, *islice(rest, 1)]
        elif not folder and not server and not word.startswith("-"):
            folder = word
            own.append(word)
        else:
            server.append(word)
    if not folder:
        server_flag = server[0] if server else "--for-serving"
        raise WorkerFailure(
            Reason.INVALID_ENGINE_ARGUMENTS,
            f"check: the artifact's folder comes first, before {one_line(server_flag, 80)}",
        )
    return own, server


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the artifact's folder, which holds shardwright.json")
