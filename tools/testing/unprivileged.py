"""Runs a function in a child process: as an unprivileged user, or after any other preparation."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from typing import TypeVar

UNPRIVILEGED_ID = 65534
Result = TypeVar("Result")


def run_unprivileged(function: Callable[[], Result]) -> Result:
    """Return the function's result; root runs it in a child process that has dropped its privileges."""
    return function() if os.getuid() != 0 else run_in_child(function, _drop_privileges)


def run_in_child(function: Callable[[], Result], prepare: Callable[[], None]) -> Result:
    """Return the function's result from a child process that calls `prepare` first.

    Raises:
        AssertionError: the function raised; the message has its traceback.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _report_result(function, prepare, reading, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        outcome = pipe.read()
    os.waitpid(child, 0)
    kind, value = pickle.loads(outcome)
    assert kind == "result", value
    result: Result = value
    return result


def _drop_privileges() -> None:
    os.setgroups([])
    os.setgid(UNPRIVILEGED_ID)
    os.setuid(UNPRIVILEGED_ID)


def _report_result(function: Callable[[], object], prepare: Callable[[], None], reading: int, writing: int) -> None:
    os.close(reading)
    try:
        prepare()
        outcome = ("result", function())
    except BaseException:
        outcome = ("error", traceback.format_exc())
    with os.fdopen(writing, "wb") as pipe:
        pickle.dump(outcome, pipe)
    os._exit(0)
