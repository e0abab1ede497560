"""`make coverage`: prints line and branch coverage of both programs, of each package, and the least covered files."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WORST = 10  # number of files that are listed


@dataclass(frozen=True)
class Coverage:
    """Numbers of covered and of all lines and branches."""

    lines: int = 0
    all_lines: int = 0
    branches: int = 0
    all_branches: int = 0

    @classmethod
    def of(cls, summary: dict[str, Any]) -> Coverage:
        """Return the numbers of one file of coverage's JSON report.

        https://coverage.readthedocs.io/en/latest/commands/cmd_json.html
        """
        names = ("covered_lines", "num_statements", "covered_branches", "num_branches")
        return cls(*(int(summary[name]) for name in names))

    def __add__(self, other: Coverage) -> Coverage:
        return Coverage(
            self.lines + other.lines,
            self.all_lines + other.all_lines,
            self.branches + other.branches,
            self.all_branches + other.all_branches,
        )

    @property
    def missed(self) -> int:
        """Number of lines and branches that are not covered."""
        return self.all_lines - self.lines + self.all_branches - self.branches

    def __str__(self) -> str:
        return f"{_percent(self.lines, self.all_lines)} lines  {_percent(self.branches, self.all_branches)} branches"


def main() -> int:
    """Print the report."""
    files = _read()
    packages: defaultdict[str, list[Coverage]] = defaultdict(list)
    for path, found in files.items():
        program, *folders = Path(path).parts[:-1]
        packages[program].append(found)
        if len(folders) > 1:
            packages[f"{program}/{folders[1]}"].append(found)
    for package in sorted(packages):
        print(f"{package:<28}{_total(packages[package])}")
    print("Not measured: what only tests with vLLM run (make test-engine).")
    print("least covered:")
    for path, found in sorted(files.items(), key=lambda item: -item[1].missed)[:_WORST]:
        print(f"  {path:<60}{found}")
    return 0


def _read() -> dict[str, Coverage]:
    """Return the coverage by file, from the data of the last run."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "coverage.json")
        subprocess.run([sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(report)], check=True)
        files = json.loads(report.read_text())["files"]
    return {path: Coverage.of(file["summary"]) for path, file in files.items()}


def _total(parts: Iterable[Coverage]) -> Coverage:
    return sum(parts, Coverage())


def _percent(covered: int, of: int) -> str:
    return f"{100 * covered / of:5.1f} %" if of else "    - %"


if __name__ == "__main__":
    sys.exit(main())
