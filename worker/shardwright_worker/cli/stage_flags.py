"""Flags of the subcommands that make an artifact: prepare and shard."""

import argparse

from shardwright_worker.cli.engine_flags import add_engine_flags
from shardwright_worker.cli.report_flag import add_report_flag
from shardwright_worker.contract.naming import DEFAULT_MAX_FILE_SIZE
from shardwright_worker.contract.sizes import parse_size


def add_prepare_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of prepare."""
    _add_source_folder(parser)
    _add_source_repository(parser)
    _add_output(parser)
    add_engine_flags(parser)
    known = parser.add_argument_group("an earlier report", "a source that has not changed since is not read again")
    known.add_argument("--known-digest", default="", metavar="SHA256", help="digest of --source in that report")
    known.add_argument(
        "--known-fingerprint",
        default="",
        metavar="SHA256",
        help="fingerprint in that report, over names, sizes and times of its files",
    )
    _add_verification(parser)
    _add_deep(parser)
    _add_pruning(parser)
    add_report_flag(parser)


def add_shard_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of shard."""
    _add_source_folder(parser)
    _add_output(parser)
    _add_verification(parser)
    _add_measure(parser)
    _add_deep(parser)
    add_engine_flags(parser)
    known = parser.add_argument_group(
        "the report of prepare", "set by the operator; without --artifact-name the source is prepared here"
    )
    known.add_argument("--artifact-name", default="", metavar="KEY", help="the artifact's key, its folder in --output")
    known.add_argument("--attempt", default="", metavar="NAME", help="name of this run's staging folder")
    known.add_argument("--source-digest", default="", metavar="SHA256", help="digest over the source's files")
    known.add_argument(
        "--source-fingerprint",
        default="",
        metavar="SHA256",
        help="digest over names, sizes and times of the files with that digest; without it they are read again",
    )
    known.add_argument("--source-revision", default="", metavar="COMMIT", help="commit that the manifest records")
    known.add_argument("--source-repo", default="", metavar="ORG/NAME", help="repository that the manifest records")
    add_report_flag(parser)


def _add_source_folder(parser: argparse.ArgumentParser) -> None:
    source = parser.add_argument_group("source: a folder")
    source.add_argument("--source", "--model", default="", metavar="DIR", help="folder of the model")


def _add_source_repository(parser: argparse.ArgumentParser) -> None:
    source = parser.add_argument_group("source: a repository of the Hugging Face Hub", "instead of a folder")
    source.add_argument("--repo", default="", metavar="ORG/NAME", help="repository on the Hub")
    source.add_argument("--revision", default="main", help="branch, tag or commit of --repo (default: main)")
    source.add_argument(
        "--endpoint", default="", metavar="URL", help="address of a Hub mirror (default: https://huggingface.co)"
    )
    source.add_argument(
        "--include",
        nargs="+",
        action="extend",
        default=[],
        metavar="GLOB",
        help="files of --repo to download (default: those that vLLM reads)",
    )
    source.add_argument(
        "--exclude", nargs="+", action="extend", default=[], metavar="GLOB", help="files of --repo to leave out"
    )
    source.add_argument(
        "--token-file", default="", metavar="FILE", help="file that holds the Hub token (default: $HF_TOKEN)"
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("--output", "-o", required=True, metavar="DIR", help="folder in which artifacts are published")
    group.add_argument(
        "--volume-root",
        default="",
        metavar="DIR",
        help="root of the output volume, to which paths in the report are relative (default: --output)",
    )
    group.add_argument("--image", default="", help="container image of the engine, part of the artifact's key")
    group.add_argument(
        "--file-pattern",
        default="",
        metavar="PATTERN",
        help="name of part files, with {part} and {rank}, {tp_rank}, {pp_rank} (default: vLLM's own)",
    )
    group.add_argument(
        "--max-file-size",
        type=_size,
        default=DEFAULT_MAX_FILE_SIZE,
        metavar="SIZE",
        help="size of the largest part, in bytes or like 5Gi or 500M; a tensor is never split (default: 5Gi)",
    )


def _add_verification(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--verification",
        choices=("digests", "load", "generate"),
        type=str.lower,
        default="load",
        help="digests: read the bytes again; load: load them with vLLM's own loader and compare each rank's weights; "
        "generate: compare tokens and log-probabilities, too (default: load)",
    )


def _add_measure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--measure",
        action="store_true",
        help="after publishing, load the source and the shards with a stock vLLM, each from a cold page cache, and "
        "record seconds and bytes read; it holds the accelerators for two more loads, decides nothing about the "
        "artifact, and an artifact that is published already is not measured",
    )


def _add_deep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument_group("finished artifact").add_argument(
        "--deep", action="store_true", help="read every byte of it, not only manifest, sizes and headers"
    )


def _add_pruning(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("older artifacts", "deleted from --output if --history-limit is set")
    group.add_argument(
        "--history-limit", type=int, metavar="N", help="number of artifacts to keep, the published ones included"
    )
    group.add_argument(
        "--published", nargs="+", action="extend", default=[], metavar="KEY", help="artifacts that are never deleted"
    )
    group.add_argument(
        "--in-use",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY",
        help="artifacts that are not deleted, and reported if they would have been",
    )
    group.add_argument(
        "--prune-until", type=float, metavar="SECONDS", help="time since the epoch after which nothing is deleted"
    )


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
