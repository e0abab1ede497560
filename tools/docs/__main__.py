"""`python -m tools.docs` writes the generated pages; with `--check` it lists those that are out of date."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tools.cluster.paths import ROOT
from tools.docs import command_line, failure_modes, models

PAGES: dict[str, Callable[[], str]] = {
    "docs/command-line.md": command_line.page,
    "docs/failure-modes.md": failure_modes.page,
    "docs/models.md": models.page,
}


def main() -> int:
    """Return zero if all pages are up to date."""
    stale = [name for name, page in PAGES.items() if not (ROOT / name).exists() or (ROOT / name).read_text() != page()]
    if sys.argv[1:] == ["--check"]:
        for name in stale:
            print(f"{name} is out of date: run `make generate`", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (ROOT / name).write_text(PAGES[name]())
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
