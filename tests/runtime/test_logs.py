"""What strangers wrote moves no terminal and breaks no line of a log."""

from __future__ import annotations

import json
import logging

import pytest

from shardwright_operator.runtime.logs import JsonFormatter, TextFormatter

EVIL = "\x1b[2Jgone\u202eexe\x9b\ud800\x00\x07"


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("shardwright_operator.x", logging.ERROR, "", 0, "%s", (message,), None)
    made.fields = fields
    return made


@pytest.mark.parametrize("formatter", [TextFormatter(colour=False), JsonFormatter()], ids=["text", "json"])
def test_a_record_is_one_clean_line(formatter: logging.Formatter) -> None:
    line = formatter.format(record(f"{EVIL}\nforged line", resource=f"a/{EVIL}\nb", names=(EVIL,), count=3))
    line.encode()
    assert not set(line) & set("\x1b\u202e\x9b\ud800\x00\x07\n")
    if isinstance(formatter, JsonFormatter):
        assert json.loads(line)["count"] == 3


@pytest.mark.parametrize("formatter", [TextFormatter(colour=False), JsonFormatter()], ids=["text", "json"])
def test_so_is_each_line_of_a_trace(formatter: logging.Formatter) -> None:
    made = record("failed")
    try:
        raise ValueError(EVIL)
    except ValueError as error:
        made.exc_info = (type(error), error, error.__traceback__)
    text = formatter.format(made)
    text.encode()
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "ValueError" in text
