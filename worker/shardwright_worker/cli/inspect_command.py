"""The subcommand inspect: prints what an artifact is and how it was made."""

import argparse
import json
import sys
from pathlib import Path

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.text import one_line


def inspect(arguments: argparse.Namespace) -> int:
    """Print the artifact's tables, or its manifest as JSON, and return the exit code."""
    from shardwright_worker.artifact.manifest_file import read_manifest

    try:
        manifest = read_manifest(Path(arguments.folder))
    except WorkerFailure as failure:
        print(one_line(failure.message), file=sys.stderr)
        return failure.exit_code
    if arguments.json:
        print(json.dumps(manifest.to_wire(), indent=2))  # plain ASCII, whatever names the artifact holds
        return 0
    from rich.console import Console

    from shardwright_worker.artifact.inspect_table import print_artifact

    print_artifact(manifest, Console())
    return 0
