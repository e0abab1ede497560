"""How the operator logs: one JSON object per line, or short colored lines on a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from shardwright_worker.contract.text import clean_lines, one_line

_COLORS = {"DEBUG": "\033[2m", "INFO": "\033[36m", "WARNING": "\033[33m", "ERROR": "\033[31m", "CRITICAL": "\033[31m"}
_RESET = "\033[0m"
_MESSAGE_LIMIT = 8192  # characters


def configure_logging(form: str, level: str, stream: TextIO = sys.stderr) -> None:
    """Log to this stream from this level on; other libraries log from WARNING on.

    `form` is json, text, or auto: text if the stream is a terminal.
    """
    text = form == "text" or (form == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter(color=stream.isatty()) if text else JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("shardwright_operator").setLevel(level.upper())
    # kopf logs each failed try of each request as an error; the watch supervisor logs the result.
    logging.getLogger("kopf").setLevel(logging.DEBUG if level == "debug" else logging.CRITICAL)


class JsonFormatter(logging.Formatter):
    """One JSON object per line; the record's `extra={"fields": {...}}` become further keys."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name.removeprefix("shardwright_operator."),
            "message": one_line(record.getMessage(), _MESSAGE_LIMIT),
            **fields_of(record),
        }
        if record.exc_info:
            line["trace"] = clean_lines(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=lambda value: one_line(str(value)))


class TextFormatter(logging.Formatter):
    """The time, the colored level, the message, and the fields as name=value."""

    def __init__(self, color: bool) -> None:
        super().__init__()
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with the traceback below it if there is one."""
        fields = " ".join(f"{name}={value}" for name, value in fields_of(record).items())
        clock = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        level = record.levelname[:4]
        if self._color:
            level = f"{_COLORS.get(record.levelname, '')}{level}{_RESET}"
        line = f"{clock} {level} {one_line(record.getMessage(), _MESSAGE_LIMIT)} {fields}".rstrip()
        return f"{line}\n{clean_lines(self.formatException(record.exc_info))}" if record.exc_info else line


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the structured part of a record without its empty values; text in it is made fit for one line."""
    fields = getattr(record, "fields", None) or {}
    present = {name: value for name, value in fields.items() if value not in (None, "", ())}
    return {name: value if isinstance(value, bool | int | float) else _fit(value) for name, value in present.items()}


def _fit(value: object) -> object:
    """Make text fit for one line of a terminal: it may come from any client of the API server."""
    if isinstance(value, list | tuple):
        return [_fit(one) for one in value]
    return one_line(str(value), _MESSAGE_LIMIT)
