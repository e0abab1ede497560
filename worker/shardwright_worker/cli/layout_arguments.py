"""Turns the flags about output, engine and names of parts into the Layout that prepare and shard share."""

import argparse
import sys
from typing import TYPE_CHECKING

from shardwright_worker.checks.pattern_check import check_pattern
from shardwright_worker.cli.engine_settings import engine_settings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.worker_flags import WHY_IGNORED
from shardwright_worker.files.nofollow import normalize_path

if TYPE_CHECKING:
    from shardwright_worker.prepare.layout import Layout


def layout_of(arguments: argparse.Namespace) -> "Layout":
    """Return the layout that a command line of prepare or shard asks for: the same flags have the same artifact key.

    Raises:
        WorkerFailure: InvalidEngineArguments or UnsupportedQuantization for flags that no source can have.
    """
    from shardwright_worker.prepare.layout import Layout

    engine = engine_settings(arguments)
    if arguments.ignored:
        named = ", ".join(dict.fromkeys(arguments.ignored))
        print(f"Ignored {named}: this changes {WHY_IGNORED}; pass it to the server", file=sys.stderr)
    if arguments.file_pattern:
        check_pattern(arguments.file_pattern, engine)
    output = normalize_path(arguments.output)
    root = normalize_path(arguments.volume_root) if arguments.volume_root else output
    if not output.is_relative_to(root):
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, f"--output {output} is not inside --volume-root {root}")
    return Layout(engine, output, root, arguments.image, arguments.file_pattern, arguments.max_file_size)
