"""How the operator logs: JSON lines for machines, short coloured lines for a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from shardwright_worker.contract.text import clean, clean_lines

_COLOURS = {"DEBUG": "\033[2m", "INFO": "\033[36m", "WARNING": "\033[33m", "ERROR": "\033[31m", "CRITICAL": "\033[31m"}
_PLAIN = "\033[0m"
_MESSAGE_LIMIT = 8192  # characters


def set_up(form: str, level: str, stream: TextIO = sys.stderr) -> None:
    """Log to this stream. Other libraries are heard from warnings on."""
    text = form == "text" or (form == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter(colour=stream.isatty()) if text else JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("shardwright_operator").setLevel(level.upper())
    # kopf tells each try of each request; what matters of it is told by the watch's supervisor.
    logging.getLogger("kopf").setLevel(logging.DEBUG if level == "debug" else logging.CRITICAL)


class JsonFormatter(logging.Formatter):
    """One JSON object per line; the record's `extra={"fields": {...}}` are its further keys."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name.removeprefix("shardwright_operator."),
            "message": clean(record.getMessage(), _MESSAGE_LIMIT),
            **fields_of(record),
        }
        if record.exc_info:
            line["trace"] = clean_lines(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=lambda value: clean(str(value)))


class TextFormatter(logging.Formatter):
    """Time, level's colour, message, and the fields behind it."""

    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told = " ".join(f"{name}={value}" for name, value in fields_of(record).items())
        clock = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        level = record.levelname[:4]
        if self._colour:
            level = f"{_COLOURS.get(record.levelname, '')}{level}{_PLAIN}"
        line = f"{clock} {level} {clean(record.getMessage(), _MESSAGE_LIMIT)} {told}".rstrip()
        return f"{line}\n{clean_lines(self.formatException(record.exc_info))}" if record.exc_info else line


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The structured part of a record, without empty values; text in it is fit for one line."""
    fields = getattr(record, "fields", None) or {}
    told = {name: value for name, value in fields.items() if value not in (None, "", ())}
    return {name: value if isinstance(value, bool | int | float) else _fit(value) for name, value in told.items()}


def _fit(value: object) -> object:
    """Text that may stem from anybody; numbers and lists of names stay what they are."""
    if isinstance(value, list | tuple):
        return [_fit(one) for one in value]
    return clean(str(value), _MESSAGE_LIMIT)
