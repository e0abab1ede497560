"""Reads JSON of any size in pieces, in bounded memory and in time linear in its length.

Tokenizers and indexes may have hundreds of megabytes, and json.loads takes many times their size in memory.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

MAX_VALUE = 64 * 1024  # characters of a value that is parsed in one piece
_MAX_TOKEN = 16 * 1024 * 1024  # characters
_MAX_DEPTH = 200
_FIRST_READ = 256 * 1024  # bytes
_SPACE = re.compile(r"[ \t\r\n]*+")
# Possessive quantifiers, so that no text can make the match backtrack: https://docs.python.org/3.11/library/re.html
_STRING = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_SCALAR = _STRING + r"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null|NaN|-?Infinity"
_TOKEN = re.compile(r"[{}\[\]:,]|" + _SCALAR)
_ITEM = rf"(?:{_SCALAR})[ \t\r\n]*+,[ \t\r\n]*+"
_ITEMS = re.compile(rf"(?:{_ITEM})++")
_MEMBERS = re.compile(rf"(?:{_STRING}[ \t\r\n]*+:[ \t\r\n]*+{_ITEM})++")
_CLOSING = {"{": "}", "[": "]"}


class JsonError(ValueError):
    """The text is not valid JSON, or its next value is not of the requested kind; the message says where."""


class JsonReader:
    """A reader of one JSON text of `size` bytes, front to back: each value is either parsed or skipped."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._decoder = json.JSONDecoder()
        self._text, self._at, self._before = "", 0, 0

    def kind(self) -> str:
        """Return the first character of the next value, or an empty string at the end."""
        return self._peek()

    def members(self) -> Iterator[str]:
        """Yield the keys of the object that is next; read each key's value with `value`, `skip` or `members`.

        Raises:
            JsonError: the next value is not an object, or not valid JSON.
        """
        self._expect("{")
        if self._peek() == "}":
            self._token()
            return
        while True:
            if self._peek() != '"':
                raise self._error("a key is missing")
            yield self._string()
            token = self._token()
            if token == "}":
                return
            if token != ",":
                raise self._error("a comma is missing")

    def value(self) -> Any:
        """Return the next value, parsed.

        Raises:
            JsonError: the value is not valid JSON, or has more than 65,536 characters.
        """
        self._peek()
        parsed: list[Any] = []
        if not self._parse(parsed):
            raise self._error("a value is not valid, or is too large")
        return parsed[0]

    def skip(self) -> None:
        """Pass over the next value, of any kind and size.

        Raises:
            JsonError: the value is not valid JSON.
        """
        open_brackets: list[str] = []
        while True:
            if self._peek() in _CLOSING and self._parse([]):
                if not self._after_value(open_brackets):
                    return
                continue
            token = self._token()
            if token in _CLOSING:
                open_brackets.append(token)
                if len(open_brackets) > _MAX_DEPTH:
                    raise self._error("it is nested too deeply")
                if self._peek() != _CLOSING[token]:
                    self._skip_key(token)
                    continue
                token = self._token()
                open_brackets.pop()
            elif token in "}]:,":
                raise self._error(f"{token!r} is in the place of a value")
            if not self._after_value(open_brackets):
                return

    def end(self) -> None:
        """Check that the text ends here.

        Raises:
            JsonError: more text follows.
        """
        if self._peek():
            raise self._error("more text follows the end")

    def _after_value(self, open_brackets: list[str]) -> bool:
        """Close the brackets that end here; return whether another value follows inside an open one."""
        while open_brackets:
            token = self._token()
            if token == ",":
                self._skip_simple(open_brackets[-1])
                self._skip_key(open_brackets[-1])
                return True
            if token != _CLOSING[open_brackets.pop()]:
                raise self._error("a comma or a bracket is missing")
        return False

    def _parse(self, parsed: list[Any]) -> bool:
        """Parse the next value in one piece and return True, or return False if it is not small enough."""
        self._fill(MAX_VALUE)
        text, start = self._text, self._at
        if len(text) - start > 2 * _FIRST_READ:  # a large token was buffered
            text, start = text[start : start + MAX_VALUE], 0
        try:
            value, end = self._decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return False
        if end == len(text) and self._left:
            return False  # the next piece may continue a number
        self._at += end - start
        parsed.append(value)
        return True

    def _skip_simple(self, opened: str) -> None:
        """Pass over simple values that follow each other, each with its comma."""
        self._peek()
        match = (_MEMBERS if opened == "{" else _ITEMS).match(self._text, self._at)
        if match:
            self._at = match.end()

    def _skip_key(self, opened: str) -> None:
        if opened == "{":
            if not self._token().startswith('"'):
                raise self._error("a key is missing")
            self._expect(":")

    def _string(self) -> str:
        token = self._token()
        self._expect(":")
        text = json.loads(token)
        assert isinstance(text, str)
        return text

    def _expect(self, token: str) -> None:
        if self._token() != token:
            raise self._error(f"{token!r} is missing")

    def _peek(self) -> str:
        """Return the next character that is not a space, or an empty string at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
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
            match = _TOKEN.match(self._text, self._at)
            # A number or a word near the end of the buffer may continue in the next piece: "1e+" would match as 1.
            if match and (match.group()[0] in '{}[]:,"' or match.end() + len("e+") < len(self._text)):
                break
            buffered = len(self._text) - self._at
            if buffered > _MAX_TOKEN:
                raise self._error("a value is too large")
            cut = match is not None or self._text[self._at] == '"' or buffered < len("-Infinity")
            if not cut or not self._read(more):
                match = _TOKEN.match(self._text, self._at)  # reading moves the buffer
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
