"""The flag that prepare, shard and check share: where the report is written."""

import argparse


def add_report_flag(parser: argparse.ArgumentParser) -> None:
    """Add --report."""
    parser.add_argument(
        "--report",
        default="",
        metavar="FILE",
        help="also write the report to this file (in a pod: /dev/termination-log)",
    )
