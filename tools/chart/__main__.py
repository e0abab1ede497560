"""`python -m tools.chart lint`: runs `helm lint` with the values of each installation mode."""

from __future__ import annotations

import sys

from tools.chart.rendering import CHART, MODES, HelmError, helm, set_flags


def main() -> int:
    """Return zero if helm reports nothing."""
    if sys.argv[1:] != ["lint"]:
        print(__doc__, file=sys.stderr)
        return 2
    for mode, values in MODES.items():
        try:
            helm("lint", "--strict", "--quiet", CHART, *set_flags(values))
        except HelmError as error:
            print(f"helm lint, {mode}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
