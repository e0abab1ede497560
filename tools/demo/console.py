"""The output of the demo: numbered steps, the commands that they run, and where the logs of a failed step are."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_IS_TERMINAL = sys.stdout.isatty()


class DemoError(Exception):
    """A step failed. `logs` says where its logs are."""

    def __init__(self, step: str, cause: BaseException, logs: str) -> None:
        super().__init__(f"step {step!r} failed: {cause}")
        self.logs = logs


@contextmanager
def step(title: str, logs: str) -> Iterator[None]:
    """Run one step, with its title before and its duration after it.

    Raises:
        DemoError: the step failed; `logs` says where its logs are.
    """
    print(f"\n{_bold(title)}", flush=True)
    started = time.monotonic()
    try:
        yield
    except (Exception, SystemExit) as error:
        raise DemoError(title, error, logs) from error
    print(_faint(f"  done in {time.monotonic() - started:.0f} s"), flush=True)


def show(text: str, indent: str = "  ") -> None:
    """Print lines of output."""
    for line in text.rstrip().splitlines():
        print(indent + line, flush=True)


def command(text: str) -> None:
    """Print a command that the next output belongs to."""
    print(_faint(f"  $ {text}"), flush=True)


def live(text: str, last: bool = False) -> None:
    """Print a line that replaces the one before it, if the output is a terminal; a new line otherwise."""
    if _IS_TERMINAL:
        print(f"\r\033[K  {text}", end="\n" if last else "", flush=True)
    else:
        print(f"  {text}", flush=True)


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if _IS_TERMINAL else f"== {text}"


def _faint(text: str) -> str:
    return f"\033[2m{text}\033[0m" if _IS_TERMINAL else text
