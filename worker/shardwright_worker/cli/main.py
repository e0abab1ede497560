"""The command line `shardwright-worker`: prepare, shard, check, inspect."""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence
from itertools import zip_longest

from shardwright_worker.cli.arguments import read_arguments
from shardwright_worker.cli.check_command import check
from shardwright_worker.cli.inspect_command import inspect
from shardwright_worker.cli.prepare_command import prepare
from shardwright_worker.cli.shard_command import shard, stop_children
from shardwright_worker.cli.shard_summary import show_summary
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import Report
from shardwright_worker.reporting.final_report import failure_report, write_report
from shardwright_worker.reporting.progress_output import ShowProgress, progress_output
from shardwright_worker.reporting.redaction import RedactingFormatter
from shardwright_worker.reporting.shutdown import Terminated, exit_now, handle_termination

Command = Callable[[argparse.Namespace, ShowProgress, set[str]], Report]
COMMANDS: dict[str, Command] = {"prepare": prepare, "shard": shard, "check": check}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code, which is that of the reason of a failure.

    Without `argv`, which is how the program starts, a failure ends the process.
    """
    code = run(sys.argv[1:] if argv is None else argv)
    if code and argv is None:
        exit_now(code)
    return code


def run(argv: Sequence[str]) -> int:
    """Run one command, write its report, and return its exit code."""
    words = list(argv)
    secrets: set[str] = set()
    _redact_logs(secrets)
    try:
        arguments = read_arguments(words)
    except WorkerFailure as failure:
        stage = words[0].capitalize() if words and words[0] in COMMANDS else "Worker"
        return _finish(failure_report(stage, failure, secrets), _report_file(words))
    if arguments.command == "inspect":
        return inspect(arguments)
    return _run_stage(arguments, secrets)


def _run_stage(arguments: argparse.Namespace, secrets: set[str]) -> int:
    stage = arguments.command.capitalize()
    started = time.monotonic()

    def report_termination() -> None:
        write_report(failure_report(stage, Terminated(), secrets), arguments.report)

    with handle_termination(stop_children, report_termination):
        try:
            with progress_output() as show:
                report = COMMANDS[arguments.command](arguments, show, secrets)
            seconds = round(time.monotonic() - started, 2)
            durations = {arguments.command: seconds, **report.duration_seconds}
            report = report.model_copy(update={"duration_seconds": durations})
        except BaseException as error:
            report = failure_report(stage, error, secrets)
    code = _finish(report, arguments.report)
    show_summary(arguments, report)
    return code


def _finish(report: Report, file: str) -> int:
    if report.reason is Reason.DISRUPTED:
        print(f"{report.stage} stopped: {report.message}. The same command starts it again.", file=sys.stderr)
    elif not report.succeeded:
        print(f"{report.stage} failed, {report.reason}: {report.message}", file=sys.stderr)
        print(f"What to do: {MEANINGS[report.reason].advice}", file=sys.stderr)
    write_report(report, file)
    return report.exit_code


def _report_file(words: list[str]) -> str:
    """Return the file named by --report on a command line that could not be parsed."""
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word == "--report":
            return following
        if word.startswith("--report="):
            return word.removeprefix("--report=")
    return ""


def _redact_logs(secrets: set[str]) -> None:
    """Write all log records to stderr, without secrets."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(secrets))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
