"""Ends `shard` on a terminal with a table of what it made."""

import argparse
import contextlib

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.report import Report
from shardwright_worker.files.nofollow import normalize_path
from shardwright_worker.reporting.progress_output import on_terminal


def show_summary(arguments: argparse.Namespace, report: Report) -> None:
    """Print the summary to stderr if a user reads it, from the report and the manifest that it is about."""
    if arguments.command != "shard" or not report.succeeded or not on_terminal():
        return
    from shardwright_worker.artifact.manifest_file import read_manifest

    folder = normalize_path(arguments.output) / report.key
    # Without rich there are no tables, and another worker may have replaced the artifact meanwhile.
    with contextlib.suppress(ImportError, WorkerFailure):
        from rich.console import Console

        from shardwright_worker.artifact.summary_table import print_summary

        print_summary(read_manifest(folder), folder, report.duration_seconds, Console(stderr=True))
