"""What the person who watches sees: numbered steps, the commands behind them, and where to look when one fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_COLOUR = sys.stdout.isatty()


class DemoFailure(Exception):  # noqa: N818 - the field's word
    """A step that failed: which, why, and where its logs are."""

    def __init__(self, step: str, why: BaseException, look: str) -> None:
        super().__init__(f"step “{step}” failed: {why}")
        self.look = look


@contextmanager
def step(title: str, look: str) -> Iterator[None]:
    """One step; `look` says where the logs of its failure are."""
    print(f"\n{_bold(title)}", flush=True)
    started = time.monotonic()
    try:
        yield
    except (Exception, SystemExit) as error:
        raise DemoFailure(title, error, look) from error
    print(_faint(f"  done in {time.monotonic() - started:.0f} s"), flush=True)


def show(text: str, indent: str = "  ") -> None:
    """Lines of output."""
    for line in text.rstrip().splitlines():
        print(indent + line, flush=True)


def command(text: str) -> None:
    """A command that the person could type for what comes next."""
    print(_faint(f"  $ {text}"), flush=True)


def live(text: str, last: bool = False) -> None:
    """A line that replaces the one before on a terminal, and is a new one elsewhere."""
    if _COLOUR:
        print(f"\r\033[K  {text}", end="\n" if last else "", flush=True)
    else:
        print(f"  {text}", flush=True)


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if _COLOUR else f"== {text}"


def _faint(text: str) -> str:
    return f"\033[2m{text}\033[0m" if _COLOUR else text
