"""Reads JSON text in pieces and splits it into tokens (RFC 8259).

https://www.rfc-editor.org/rfc/rfc8259
"""

import codecs
import json
import re
from typing import Any, BinaryIO

_MAX_VALUE = 64 * 1024  # characters of a value that is parsed in one piece
_MAX_TOKEN = 16 * 1024 * 1024  # characters
_FIRST_READ = 256 * 1024  # bytes
SPACE = re.compile(r"[ \t\r\n]*+")
# Possessive quantifiers, so that no text can make the match backtrack: https://docs.python.org/3.11/library/re.html
_STRING = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_SCALAR = _STRING + r"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null|NaN|-?Infinity"
TOKEN = re.compile(r"[{}\[\]:,]|" + _SCALAR)
_ITEM = rf"(?:{_SCALAR})[ \t\r\n]*+,[ \t\r\n]*+"
ITEMS = re.compile(rf"(?:{_ITEM})++")
MEMBERS = re.compile(rf"(?:{_STRING}[ \t\r\n]*+:[ \t\r\n]*+{_ITEM})++")


class JsonError(ValueError):
    """The text is not valid JSON, or its next value is not of the requested kind; the message says where."""


class JsonBuffer:
    """The part of a JSON text of `size` bytes that is in memory, and the position in it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._decoder = json.JSONDecoder()
        self._text, self._at, self._before = "", 0, 0

    def _peek(self) -> str:
        """Return the next character that is not a space, or an empty string at the end."""
        while True:
            match = SPACE.match(self._text, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read(_FIRST_READ):
                return ""

    def _token(self) -> str:
        if not self._peek():
            raise self._error("it ends too early")
        more = _FIRST_READ
        while True:
            match = TOKEN.match(self._text, self._at)
            # A number or a word near the end of the buffer may continue in the next piece: "1e+" would match as 1.
            if match and (match.group()[0] in '{}[]:,"' or match.end() + len("e+") < len(self._text)):
                break
            buffered = len(self._text) - self._at
            if buffered > _MAX_TOKEN:
                raise self._error("a value is too large")
            cut = match is not None or self._text[self._at] == '"' or buffered < len("-Infinity")
            if not cut or not self._read(more):
                match = TOKEN.match(self._text, self._at)  # reading moves the buffer
                break
            more *= 2
        if match is None:
            raise self._error("it is not JSON")
        self._at = match.end()
        return match.group()

    def _fill(self, wanted: int) -> None:
        while len(self._text) - self._at < wanted and self._read(_FIRST_READ):
            pass

    def _read(self, most: int) -> bool:
        """Read the next piece; return False at the end."""
        data = self._file.read(min(most, self._left)) if self._left else b""
        self._left = self._left - len(data) if data else 0
        try:
            text = self._decode(data, final=not self._left)
        except UnicodeDecodeError:
            raise self._error("it is not UTF-8 text") from None
        self._before += self._at
        self._text, self._at = self._text[self._at :] + text, 0
        return bool(text) or self._left > 0

    def _error(self, problem: str) -> JsonError:
        return JsonError(f"{problem} (at character {self._before + self._at})")

    def _parse(self, parsed: list[Any]) -> bool:
        """Parse the next value in one piece and return True, or return False if it is not small enough."""
        self._fill(_MAX_VALUE)
        text, start = self._text, self._at
        if len(text) - start > 2 * _FIRST_READ:  # a large token was buffered
            text, start = text[start : start + _MAX_VALUE], 0
        try:
            value, end = self._decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return False
        if end == len(text) and self._left:
            return False  # the next piece may continue a number
        self._at += end - start
        parsed.append(value)
        return True
