"""Reads JSON of any size in pieces, in bounded memory and in time linear in its length.

Tokenizers and indexes may have hundreds of megabytes, and json.loads takes many times their size in memory.
"""

import json
from collections.abc import Iterator
from typing import Any

from shardwright_worker.files.json_tokens import ITEMS, MEMBERS, JsonBuffer

_MAX_DEPTH = 200
_CLOSING = {"{": "}", "[": "]"}


class JsonReader(JsonBuffer):
    """A reader of one JSON text of `size` bytes, front to back: each value is either parsed or skipped."""

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

    def _skip_simple(self, opened: str) -> None:
        """Pass over simple values that follow each other, each with its comma."""
        self._peek()
        match = (MEMBERS if opened == "{" else ITEMS).match(self._text, self._at)
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
