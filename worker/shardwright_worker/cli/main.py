"""The command line `shardwright-worker`: prepare, shard, check, inspect."""

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from shardwright_worker.cli.arguments import read_arguments
from shardwright_worker.cli.commands import COMMANDS, stop_children
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import MEANINGS
from shardwright_worker.contract.report import Report
from shardwright_worker.contract.text import clean
from shardwright_worker.reporting.final_report import failure_report, write_report
from shardwright_worker.reporting.progress_output import progress_output
from shardwright_worker.reporting.redaction import RedactingFormatter
from shardwright_worker.reporting.shutdown import Terminated, exit_now, handle_termination


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code tells the reason of a failure. Without `argv` a failure ends the process."""
    code = run(sys.argv[1:] if argv is None else argv)
    if code and argv is None:
        exit_now(code)
    return code


def run(argv: Sequence[str]) -> int:
    """Run one command."""
    words = list(argv)
    secrets: set[str] = set()
    _log_without(secrets)
    try:
        arguments = read_arguments(words)
    except WorkerFailure as failure:
        stage = words[0].capitalize() if words and words[0] in COMMANDS else "Worker"
        return _end(failure_report(stage, failure, secrets), _report_file(words))
    if arguments.command == "inspect":
        return _inspect(arguments)
    return _reporting(arguments, secrets)


def _reporting(arguments: argparse.Namespace, secrets: set[str]) -> int:
    stage = arguments.command.capitalize()
    started = time.monotonic()

    def last_word() -> None:
        write_report(failure_report(stage, Terminated(), secrets), arguments.report)

    with handle_termination(stop_children, last_word):
        try:
            with progress_output() as show:
                report = COMMANDS[arguments.command](arguments, show, secrets)
            seconds = round(time.monotonic() - started, 2)
            durations = {arguments.command: seconds, **report.duration_seconds}
            report = report.model_copy(update={"duration_seconds": durations})
        except BaseException as error:
            report = failure_report(stage, error, secrets)
    return _end(report, arguments.report)


def _end(report: Report, file: str) -> int:
    if not report.succeeded:
        print(f"{report.stage} failed, {report.reason}: {report.message}", file=sys.stderr)
        print(f"What to do: {MEANINGS[report.reason].advice}", file=sys.stderr)
    write_report(report, file)
    return report.exit_code


def _inspect(arguments: argparse.Namespace) -> int:
    from shardwright_worker.artifact.manifest_file import read_manifest

    try:
        manifest = read_manifest(Path(arguments.folder))
    except WorkerFailure as failure:
        print(clean(failure.message), file=sys.stderr)
        return failure.exit_code
    if arguments.json:
        print(json.dumps(manifest.to_wire(), indent=2))  # plain ASCII, whatever names the artifact holds
        return 0
    from rich.console import Console

    from shardwright_worker.artifact.inspect_table import print_artifact

    print_artifact(manifest, Console())
    return 0


def _report_file(words: list[str]) -> str:
    """The file named by --report on a command line that could not be read as a whole."""
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word == "--report":
            return following
        if word.startswith("--report="):
            return word.removeprefix("--report=")
    return ""


def _log_without(secrets: set[str]) -> None:
    """All log records go to stderr, without secrets."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(secrets))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
