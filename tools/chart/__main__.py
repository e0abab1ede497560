"""`python -m tests.chart lint`: helm's own opinion of the chart, in each of the ways it is installed."""

from __future__ import annotations

import sys

from tools.chart.rendering import CHART, MODES, Refused, helm, sets


def main() -> int:
    """Zero if helm finds nothing to complain about."""
    if sys.argv[1:] != ["lint"]:
        print(__doc__, file=sys.stderr)
        return 2
    for mode, values in MODES.items():
        try:
            helm("lint", "--strict", "--quiet", CHART, *sets(values))
        except Refused as refusal:
            print(f"helm lint, {mode}: {refusal}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
