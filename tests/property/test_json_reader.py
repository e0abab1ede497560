"""The JSON reader accepts, and means, what json.loads does."""

from __future__ import annotations

import io
import json

from hypothesis import example, given
from hypothesis import strategies as st

from shardwright_worker.files import json_tokens
from shardwright_worker.files.json_reader import JsonReader
from shardwright_worker.files.json_tokens import JsonError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
INDENTS = st.none() | st.integers(0, 3)


def skipped(text: bytes) -> bool:
    reader = JsonReader(io.BytesIO(text), len(text))
    try:
        reader.skip()
        reader.end()
    except JsonError:
        return False
    return True


@given(VALUES, INDENTS, st.integers(1, 40))
def test_reads_all_valid_json(value: object, indent: int | None, piece: int) -> None:
    text = json.dumps(value, indent=indent).encode()
    before = json_tokens._FIRST_READ
    json_tokens._FIRST_READ = piece  # so that every kind of token is cut somewhere
    try:
        assert skipped(text)
        reader = JsonReader(io.BytesIO(text), len(text))
        assert reader.value() == value
        reader.end()
        if isinstance(value, dict):
            reader = JsonReader(io.BytesIO(text), len(text))
            assert {key: reader.value() for key in reader.members()} == value
            reader.end()
    finally:
        json_tokens._FIRST_READ = before


@given(st.text(alphabet='{}[]:,"\\u0a1e+-. tnNI', max_size=12).map(str.encode) | st.binary(max_size=12))
@example(b'{"a":1,}')
@example(b"[1,]")
@example(b"01")
@example(b'{"a" 1}')
@example(b'"\\x"')
def test_rejects_what_json_loads_rejects(text: bytes) -> None:
    try:
        json.loads(text.decode())
        valid = True
    except ValueError:
        valid = False
    assert skipped(text) == valid
