"""Headers of safetensors files, read without the library."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from shardwright_worker.files.safetensors_header import HeaderError, read_header
from tools.testing.tiny_files import safetensors

GOOD = safetensors({"a": b"\1\2" * 4, "b": b"\3\4" * 2, "empty": b""})


def with_header(header: object, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_reads_a_header(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(GOOD)
    entries = read_header(file)
    assert list(entries) == ["a", "b", "empty"]
    first = entries["a"]
    assert (first.dtype, first.shape, first.elements) == ("BF16", (4,), 4)
    assert GOOD[first.begin : first.end] == b"\1\2" * 4


def test_accepts_dtypes_of_less_than_a_byte_and_unknown_ones(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(with_header({"a": entry("F4", [3], 0, 2), "b": entry("NEW", [9], 2, 3)}, b"123"))
    assert set(read_header(file)) == {"a", "b"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"\0" * 600, "zero bytes"),
        (GOOD[:-1], "is truncated"),
        (GOOD[:20], "is truncated"),
        (GOOD + b"x", "1 bytes follow the last tensor"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\n\n<html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey', "object store"),
        (b'{"error":"Repository not found"}', "error message of a server"),
        (b"GGUF" + b"\3\0\0\0" * 9, "a GGUF file"),
        (b"\xff" * 40, "not the length of a header"),
        (with_header([1], b""), "not a JSON object"),
        (struct.pack("<Q", 4) + b"{{{{", "not a JSON object of tensors"),
        (with_header({"a": {"dtype": "F32"}}, b""), "entry of tensor a cannot be read"),
        (with_header({"a": entry("F32", [-1], 0, 4)}, b"1234"), "entry of tensor a cannot be read"),
        (with_header({"a": entry("F32", [2], 0, 4)}, b"1234"), "shape [2] has 4 bytes"),
        (with_header({"a": entry("U8", [1], 0, 1), "b": entry("U8", [1], 2, 3)}, b"123"), "tensor b does not start"),
        (with_header({"a": entry("U8", [2], 0, 2), "b": entry("U8", [1], 1, 2)}, b"12"), "tensor b does not start"),
    ],
)
def test_names_what_is_wrong_with_a_header(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(content)
    with pytest.raises(HeaderError) as caught:
        read_header(file)
    assert words in str(caught.value)
