"""The worker's command line: four subcommands, their flags, and what each flag means."""

import argparse
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any, NoReturn

from shardwright_worker.cli.engine_flags import add_engine_flags
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import DEFAULT_MAX_FILE_SIZE
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.text import clean
from shardwright_worker.files.sizes import parse_size

_EPILOG = """\
Progress is a bar on a terminal and JSON lines otherwise; the last line of stdout is a report in JSON. The exit code
tells the reason of a failure. HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE name proxies and certificate authorities.
"""


class Parser(argparse.ArgumentParser):
    """Ends with a reason instead of exit code 2, so that a Job's pod always leaves a report."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"{message} (see {self.prog} --help)")

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """As argparse has it, but `--flag=--` gives the flag this value instead of none."""
        if not action.option_strings or arg_strings != ["--"]:
            return super()._get_values(action, arg_strings)
        value = self._get_value(action, "--")
        self._check_value(action, value)
        return value if action.nargs is None else [value]


def build_parser() -> Parser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="shardwright-worker",
        description="Makes, proves and inspects vLLM sharded-state checkpoints.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"shardwright-worker {_own_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    _add_prepare(
        _command(commands, "prepare", "check or fetch a source and look for a finished artifact; needs no GPU")
    )
    _add_shard(_command(commands, "shard", "load a model with vLLM and publish its shards; offline"))
    _add_check(_command(commands, "check", "prove that an artifact is whole, or that it fits a server"))
    _add_inspect(_command(commands, "inspect", "print what an artifact is and how it was made"))
    return parser


def read_arguments(words: list[str]) -> argparse.Namespace:
    """What a command line says. With `check --for-serving`, what is not ours is kept as `server`."""
    own, server = _split(words) if words[:1] == ["check"] and "--for-serving" in words else (words, [])
    arguments = build_parser().parse_args(own)
    arguments.server = server
    return arguments


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Our part of `check --for-serving`, and the server's command line. The first bare word is the folder."""
    own, folder = ["check"], ""
    server: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        name, joined, _ = word.partition("=")
        if word in ("--deep", "--for-serving", "-h", "--help"):
            own.append(word)
        elif name in ("--report", "--serving-vllm", "--serving-accelerator"):
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
            f"check: the artifact's folder comes first, before {clean(server_flag, 80)}",
        )
    return own, server


def _command(commands: "argparse._SubParsersAction[Parser]", name: str, help_text: str) -> Parser:
    return commands.add_parser(
        name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".", epilog=_EPILOG, allow_abbrev=False
    )


def _add_prepare(parser: Parser) -> None:
    source = parser.add_argument_group("source", "a folder, or a repository of a hub")
    _add_source_folder(source)
    source.add_argument("--repo", default="", metavar="ORG/NAME", help="repository on the hub")
    source.add_argument("--revision", default="main", help="branch, tag or commit of --repo (main)")
    source.add_argument("--endpoint", default="", metavar="URL", help="another hub (https://huggingface.co)")
    source.add_argument(
        "--include",
        nargs="+",
        action="extend",
        default=[],
        metavar="GLOB",
        help="files of --repo to take, instead of all that vLLM needs",
    )
    source.add_argument(
        "--exclude", nargs="+", action="extend", default=[], metavar="GLOB", help="files of --repo to leave out"
    )
    source.add_argument("--token-file", default="", metavar="FILE", help="file that holds the hub's token (HF_TOKEN)")
    _add_output(parser)
    add_engine_flags(parser)
    known = parser.add_argument_group(
        "what an earlier run found out", "a source that was not touched is not read again"
    )
    known.add_argument("--known-digest", default="", metavar="SHA256", help="digest of --source")
    known.add_argument("--known-fingerprint", default="", metavar="SHA256", help="its names, sizes and times then")
    _add_verification(parser)
    _add_deep(parser)
    old = parser.add_argument_group("older artifacts", "removed from --output if --history-limit is given")
    old.add_argument(
        "--history-limit", type=int, metavar="N", help="keep the newest N artifacts, the published ones counted"
    )
    old.add_argument("--published", nargs="+", action="extend", default=[], metavar="KEY", help="never removed")
    old.add_argument(
        "--in-use", nargs="+", action="extend", default=[], metavar="KEY", help="not removed, and named if spared"
    )
    old.add_argument(
        "--prune-until", type=float, metavar="SECONDS", help="nothing is removed after this time (since the epoch)"
    )
    _add_report(parser)


def _add_shard(parser: Parser) -> None:
    _add_source_folder(parser.add_argument_group("source"))
    _add_output(parser)
    _add_verification(parser)
    _add_deep(parser)
    add_engine_flags(parser)
    known = parser.add_argument_group("what prepare found out", "given by the operator; otherwise found out here")
    known.add_argument("--artifact-name", default="", metavar="KEY", help="folder under --output")
    known.add_argument("--attempt", default="", metavar="NAME", help="names this run's staging folder")
    known.add_argument("--source-digest", default="", metavar="SHA256", help="digest over the source's files")
    known.add_argument(
        "--source-fingerprint",
        default="",
        metavar="SHA256",
        help="digest over names, sizes and times of the source with that digest; without it the source is read again",
    )
    known.add_argument("--source-revision", default="", metavar="COMMIT", help="for the manifest")
    known.add_argument("--source-repo", default="", metavar="ORG/NAME", help="for the manifest")
    _add_report(parser)


def _add_verification(parser: Parser) -> None:
    parser.add_argument(
        "--verification",
        choices=("digests", "load", "generate"),
        type=str.lower,
        default="load",
        help="digests: read the bytes again; load: a fresh stock vLLM loads them, and every rank's weights are "
        "compared; generate: tokens and log-probabilities too (load)",
    )


def _add_deep(parser: Parser) -> None:
    parser.add_argument_group("finished artifact").add_argument(
        "--deep", action="store_true", help="read every byte of it, not only manifest, sizes and headers"
    )


def _add_check(parser: Parser) -> None:
    parser.usage = "%(prog)s DIR [--deep] [--report FILE] [--for-serving [FLAGS OF vllm serve ...]]"
    parser.add_argument("folder", metavar="DIR", help="the artifact's folder, the one that holds shardwright.json")
    parser.add_argument("--deep", action="store_true", help="read every byte and compare SHA-256 and XXH3 digests")
    group = parser.add_argument_group("server", "a command line of `vllm serve` may follow, as it is: MODEL, flags")
    group.add_argument(
        "--for-serving",
        action="store_true",
        help="refuse if a server with these flags, this vLLM and this accelerator must not load it; every flag that "
        "is not named here is the server's",
    )
    group.add_argument("--serving-vllm", default="", metavar="VERSION", help="the server's vLLM (the one that is here)")
    group.add_argument(
        "--serving-accelerator", default="", metavar="NAME", help="the server's accelerator (those that are here)"
    )
    _add_report(parser)


def _add_inspect(parser: Parser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the artifact's folder, the one that holds shardwright.json")
    parser.add_argument("--json", action="store_true", help="the manifest as JSON instead of a table")


def _add_source_folder(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--source", "--model", default="", metavar="DIR", help="folder of the model (--model: the same)")


def _add_output(parser: Parser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("--output", "-o", required=True, metavar="DIR", help="folder that artifacts are published in")
    group.add_argument(
        "--volume-root", default="", metavar="DIR", help="root of the output volume; paths in the report start here"
    )
    group.add_argument("--image", default="", help="container image, part of the artifact's identity")
    group.add_argument(
        "--file-pattern",
        default="",
        metavar="P",
        help="name of part files with {part} and {rank}, {tp_rank}, {pp_rank} (vLLM's own pattern)",
    )
    group.add_argument(
        "--max-file-size",
        type=_size,
        default=DEFAULT_MAX_FILE_SIZE,
        metavar="SIZE",
        help="largest part in bytes, or like 5Gi or 500M (5Gi); a single tensor is never split",
    )


def _add_report(parser: Parser) -> None:
    parser.add_argument(
        "--report", default="", metavar="FILE", help="also write the report here (in a pod: /dev/termination-log)"
    )


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _own_version() -> str:
    try:
        return version("shardwright-worker")
    except PackageNotFoundError:
        return "(not installed)"
