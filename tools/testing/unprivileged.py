"""Runs a function in a child process: as a user without rights, or whatever else the child makes of itself."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from typing import TypeVar

UNPRIVILEGED_ID = 65534
Result = TypeVar("Result")


def run_unprivileged(function: Callable[[], Result]) -> Result:
    """The function's result; root runs it in a child that gave up its rights, others run it themselves."""
    return function() if os.getuid() != 0 else run_in_child(function, _give_up_rights)


def run_in_child(function: Callable[[], Result], first: Callable[[], None]) -> Result:
    """The function's result, from a child that does something to itself first."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(function, first, reading, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    kind, value = pickle.loads(answer)
    assert kind == "result", value
    result: Result = value
    return result


def _give_up_rights() -> None:
    os.setgroups([])
    os.setgid(UNPRIVILEGED_ID)
    os.setuid(UNPRIVILEGED_ID)


def _answer(function: Callable[[], object], first: Callable[[], None], reading: int, writing: int) -> None:
    os.close(reading)
    try:
        first()
        answer = ("result", function())
    except BaseException:
        answer = ("error", traceback.format_exc())
    with os.fdopen(writing, "wb") as pipe:
        pickle.dump(answer, pipe)
    os._exit(0)
