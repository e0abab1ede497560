"""Logs: JSON or short lines, and text from other clients neither moves a cursor nor breaks a line."""

from __future__ import annotations

import io
import json
import logging

import pytest

from shardwright_operator.runtime.logs import JsonFormatter, TextFormatter, configure_logging

EVIL = "\x1b[2Jgone\u202eexe\x9b\ud800\x00\x07"


def record(message: str = "started", level: int = logging.INFO, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("shardwright_operator.runtime.controller", level, "", 0, "%s", (message,), None)
    made.fields = fields
    return made


def test_a_json_line_has_the_fields_of_its_record() -> None:
    line = json.loads(JsonFormatter().format(record(resource="a/b", job=None)))
    assert (line["level"], line["logger"], line["message"]) == ("info", "runtime.controller", "started")
    assert line["resource"] == "a/b"
    assert "job" not in line


def test_a_text_line_is_short_and_colored_on_a_terminal() -> None:
    assert TextFormatter(color=False).format(record(resource="a/b")).endswith("INFO started resource=a/b")
    assert "\033[36mINFO\033[0m" in TextFormatter(color=True).format(record())


def test_without_a_terminal_logs_are_json_and_other_libraries_log_warnings_only() -> None:
    stream, root = io.StringIO(), logging.getLogger()
    before = (root.handlers[:], root.level, logging.getLogger("shardwright_operator").level)
    try:
        configure_logging("auto", "info", stream)
        logging.getLogger("shardwright_operator.x").info("hello")
        logging.getLogger("another.library").info("left out")
    finally:
        root.handlers[:], root.level = before[0], before[1]
        logging.getLogger("shardwright_operator").setLevel(before[2])
        logging.getLogger("kopf").setLevel(logging.NOTSET)
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["hello"]


@pytest.mark.parametrize("formatter", [TextFormatter(color=False), JsonFormatter()], ids=["text", "json"])
def test_a_record_is_one_line_without_control_characters(formatter: logging.Formatter) -> None:
    line = formatter.format(record(f"{EVIL}\nforged line", resource=f"a/{EVIL}\nb", names=(EVIL,), count=3))
    line.encode()
    assert not set(line) & set("\x1b\u202e\x9b\ud800\x00\x07\n")
    if isinstance(formatter, JsonFormatter):
        assert json.loads(line)["count"] == 3


@pytest.mark.parametrize("formatter", [TextFormatter(color=False), JsonFormatter()], ids=["text", "json"])
def test_a_traceback_has_no_control_characters(formatter: logging.Formatter) -> None:
    made = record("failed", logging.ERROR)
    try:
        raise ValueError(EVIL)
    except ValueError as error:
        made.exc_info = (type(error), error, error.__traceback__)
    text = formatter.format(made)
    text.encode()
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "ValueError" in text
