"""Reads every text of the repository, and finds the banned words in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.vocabulary.banned import BANNED, EXCEPTIONS, Banned

TOPS = ("operator", "worker", "tools", "benchmarks", "tests", "docs", "charts", "crds", "examples", ".github")
_SUFFIXES = {".py", ".md", ".yaml", ".yml", ".json", ".toml", ".tpl", ".txt", ".sh", ".c", ".lua", ".go", ".Dockerfile"}
_NAMES = {"Makefile", "Dockerfile", "CODEOWNERS"}
# A word may be a part of snake_case (underscores are blanked) or of camelCase.
_START = r"(?:(?<![A-Za-z])|(?-i:(?<=[a-z])(?=[A-Z])))"
_END = r"(?:(?![A-Za-z])|(?-i:(?<=[a-z])(?=[A-Z])))"
_SPACE = r"(?:\s+|(?-i:(?<=[a-z])(?=[A-Z])))"
_ROWS = "|".join("(" + row.pattern.replace(" ", _SPACE) + ")" for row in BANNED)  # one group each: lastindex is the row
_PATTERN = re.compile(f"{_START}(?:{_ROWS}){_END}", re.IGNORECASE)
_LISTED = re.compile(r"<!-- banned words -->.*?<!-- end of banned words -->", re.DOTALL)
_PREFIX = re.compile(r'^[ \t]*(?:#|//|\*|>|f?")+', re.MULTILINE)  # of a line that continues a comment or a string


class Hit(NamedTuple):
    """One place where a banned word is used. A file's own name is line 0."""

    path: str
    line: int
    text: str
    row: Banned

    @property
    def top(self) -> str:
        """The directory at the root that the file is in; the file itself at the root."""
        return self.path.split("/")[0]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text!r}: write {self.row.instead} ({self.row.because})"


def hits(root: Path) -> Iterator[Hit]:
    """Yield every use of a banned word in the files under `root` and in their names, exceptions left out."""
    for path in files(root):
        name = path.relative_to(root).as_posix()
        for hit in (*hits_in(name, name, 0), *hits_in(name, path.read_text(), 1)):
            if not any(one.covers(name, hit.text) for one in EXCEPTIONS):
                yield hit


def files(root: Path) -> Iterator[Path]:
    """Yield the files that are checked, generated ones included."""
    for path in sorted([*root.iterdir(), *(each for top in TOPS for each in (root / top).rglob("*"))]):
        if path.is_file() and (path.suffix in _SUFFIXES or path.name in _NAMES) and "__pycache__" not in path.parts:
            yield path


def hits_in(path: str, text: str, first_line: int = 1) -> Iterator[Hit]:
    """Yield every use of a banned word in one text."""
    plain = _plain(text)
    for match in _PATTERN.finditer(plain):
        line = first_line + plain.count("\n", 0, match.start())
        yield Hit(path, line, " ".join(match.group().split()), BANNED[(match.lastindex or 0) - 1])


def _plain(text: str) -> str:
    """Return the text, line by line, with blanks for what separates words and for what continues a line."""
    unlisted = _LISTED.sub(lambda match: "\n" * match.group().count("\n"), text)
    continued = _PREFIX.sub(lambda match: " " * len(match.group()), unlisted)
    return continued.replace("_", " ").replace('"', " ")
