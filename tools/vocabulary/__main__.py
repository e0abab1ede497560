"""`python -m tools.vocabulary [PREFIX ...]` lists the banned words in use under these paths, and counts them."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from tools.cluster.paths import ROOT
from tools.vocabulary.texts import hits


def main(arguments: list[str]) -> int:
    """Return 1 if a banned word is used."""
    root = ROOT
    if arguments[:1] == ["--root"]:
        root, arguments = Path(arguments[1]), arguments[2:]
    listed = [hit for hit in hits(root) if not arguments or hit.path.startswith(tuple(arguments))]
    for hit in listed:
        print(hit)
    for top, count in sorted(Counter(hit.top for hit in listed).items()):
        print(f"{top}: {count}", file=sys.stderr)
    return 1 if listed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
