"""Progress of a benchmark: one line with the time of day on standard error, since stdout is for the table."""

from __future__ import annotations

import sys
from datetime import datetime


def print_progress(line: str) -> None:
    """Print one line."""
    print(f"{datetime.now():%H:%M:%S} {line}", file=sys.stderr, flush=True)
