"""One line of progress, with the time of day."""

from __future__ import annotations

import sys
from datetime import datetime


def tell(line: str) -> None:
    """Write it to stderr: stdout is for the table."""
    print(f"{datetime.now():%H:%M:%S} {line}", file=sys.stderr, flush=True)
