"""Reads JSON of any size piece by piece, in little memory and in time that grows with its length alone."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

LARGEST_VALUE = 64 * 1024  # characters of a value that is taken whole
_LARGEST_TOKEN = 16 * 1024 * 1024
_DEEPEST = 200
_FIRST_READ = 256 * 1024
_SPACE = re.compile(r"[ \t\r\n]*+")
# Possessive, so that no text can make it try twice.
_STRING = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_SCALAR = _STRING + r"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null|NaN|-?Infinity"
_TOKEN = re.compile(r"[{}\[\]:,]|" + _SCALAR)
_ITEM = rf"(?:{_SCALAR})[ \t\r\n]*+,[ \t\r\n]*+"
_ITEMS = re.compile(rf"(?:{_ITEM})++")
_MEMBERS = re.compile(rf"(?:{_STRING}[ \t\r\n]*+:[ \t\r\n]*+{_ITEM})++")
_CLOSING = {"{": "}", "[": "]"}


class JsonError(ValueError):
    """The text is not JSON, or not of the kind that is asked for; the message says where."""


class JsonReader:
    """One JSON text. Read its members in order, each value either taken or skipped."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._decoder = json.JSONDecoder()
        self._text, self._at, self._before = "", 0, 0

    def kind(self) -> str:
        """The first character of the value that comes now; empty at the end."""
        return self._peek()

    def members(self) -> Iterator[str]:
        """The keys of the object that comes now. After each, read its value with `value`, `skip` or `members`."""
        self._expect("{")
        if self._peek() == "}":
            self._token()
            return
        while True:
            if self._peek() != '"':
                raise self._wrong("a key is missing")
            yield self._string()
            token = self._token()
            if token == "}":
                return
            if token != ",":
                raise self._wrong("a comma is missing")

    def value(self) -> Any:
        """The value that comes now; JsonError if it is a large one."""
        self._peek()
        keep: list[Any] = []
        if not self._whole(keep):
            raise self._wrong("a value cannot be read, or is too large to be one")
        return keep[0]

    def skip(self) -> None:
        """Go past the value that comes now, whatever it is, and check that it is JSON."""
        open_ones: list[str] = []
        while True:
            if self._peek() in _CLOSING and self._whole([]):
                if not self._after_value(open_ones):
                    return
                continue
            token = self._token()
            if token in _CLOSING:
                open_ones.append(token)
                if len(open_ones) > _DEEPEST:
                    raise self._wrong("it is nested too deeply")
                if self._peek() != _CLOSING[token]:
                    self._key_if(token)
                    continue
                token = self._token()
                open_ones.pop()
            elif token in "}]:,":
                raise self._wrong(f"{token!r} stands where a value should")
            if not self._after_value(open_ones):
                return

    def end(self) -> None:
        """JsonError if anything follows."""
        if self._peek():
            raise self._wrong("something follows the end")

    def _after_value(self, open_ones: list[str]) -> bool:
        """Whether another value follows inside of those that are open; those that end are closed."""
        while open_ones:
            token = self._token()
            if token == ",":
                self._run(open_ones[-1])
                self._key_if(open_ones[-1])
                return True
            if token != _CLOSING[open_ones.pop()]:
                raise self._wrong("a comma or a bracket is missing")
        return False

    def _whole(self, keep: list[Any]) -> bool:
        """Read the value that comes now in one go, if it is small enough."""
        self._fill(LARGEST_VALUE)
        text, start = self._text, self._at
        if len(text) - start > 2 * _FIRST_READ:  # a large token was looked at
            text, start = text[start : start + LARGEST_VALUE], 0
        try:
            value, end = self._decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return False
        if end == len(text) and self._left:
            return False  # a number may go on
        self._at += end - start
        keep.append(value)
        return True

    def _run(self, opened: str) -> None:
        """Go past simple values that follow each other, each with its comma."""
        self._peek()
        match = (_MEMBERS if opened == "{" else _ITEMS).match(self._text, self._at)
        if match:
            self._at = match.end()

    def _key_if(self, opened: str) -> None:
        if opened == "{":
            if not self._token().startswith('"'):
                raise self._wrong("a key is missing")
            self._expect(":")

    def _string(self) -> str:
        token = self._token()
        self._expect(":")
        text = json.loads(token)
        assert isinstance(text, str)
        return text

    def _expect(self, token: str) -> None:
        if self._token() != token:
            raise self._wrong(f"{token!r} is missing")

    def _peek(self) -> str:
        """The next character that is no space; empty at the end."""
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
            raise self._wrong("it ends too early")
        more = _FIRST_READ
        while True:
            match = _TOKEN.match(self._text, self._at)
            # A number or a word near the end of what is read may go on after it: "1e+" is read as 1.
            if match and (match.group()[0] in '{}[]:,"' or match.end() + len("e+") < len(self._text)):
                break
            there = len(self._text) - self._at
            if there > _LARGEST_TOKEN:
                raise self._wrong("a value is too large")
            cut = match is not None or self._text[self._at] == '"' or there < len("-Infinity")
            if not cut or not self._read(more):
                match = _TOKEN.match(self._text, self._at)  # reading moves what is there
                break
            more *= 2
        if match is None:
            raise self._wrong("it is not JSON")
        self._at = match.end()
        return match.group()

    def _fill(self, wanted: int) -> None:
        while len(self._text) - self._at < wanted and self._read(_FIRST_READ):
            pass

    def _read(self, most: int) -> bool:
        """Read on; False at the end."""
        data = self._file.read(min(most, self._left)) if self._left else b""
        self._left = self._left - len(data) if data else 0
        try:
            text = self._decode(data, final=not self._left)
        except UnicodeDecodeError:
            raise self._wrong("it is not UTF-8 text") from None
        self._before += self._at
        self._text, self._at = self._text[self._at :] + text, 0
        return bool(text) or self._left > 0

    def _wrong(self, what: str) -> JsonError:
        return JsonError(f"{what} (at character {self._before + self._at})")
