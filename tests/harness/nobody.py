"""Runs a function as a user without rights, for tests that run as root."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from typing import TypeVar

NOBODY = 65534
Result = TypeVar("Result")


def as_nobody(function: Callable[[], Result]) -> Result:
    """The function's result; root runs it in a child that gave up its rights, others run it themselves."""
    if os.getuid() != 0:
        return function()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(function, reading, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    kind, value = pickle.loads(answer)
    assert kind == "result", value
    result: Result = value
    return result


def _answer(function: Callable[[], object], reading: int, writing: int) -> None:
    os.close(reading)
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        answer = ("result", function())
    except BaseException:
        answer = ("error", traceback.format_exc())
    with os.fdopen(writing, "wb") as pipe:
        pickle.dump(answer, pipe)
    os._exit(0)
