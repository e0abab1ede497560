"""Headers of safetensors files, read by hand; and what a file is that has none."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest

from shardwright_worker.files.file_signature import find_pickle_damage, identify_content
from shardwright_worker.files.safetensors_header import HeaderError, read_header
from tools.testing.tiny_files import safetensors

GOOD = safetensors({"a": b"\1\2" * 4, "b": b"\3\4" * 2, "empty": b""})


def with_header(header: object, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_a_header_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(GOOD)
    entries = read_header(file)
    assert list(entries) == ["a", "b", "empty"]
    first = entries["a"]
    assert (first.dtype, first.shape, first.elements) == ("BF16", (4,), 4)
    assert GOOD[first.begin : first.end] == b"\1\2" * 4


def test_dtypes_of_less_than_a_byte_and_new_ones_are_taken(tmp_path: Path) -> None:
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
def test_what_is_wrong_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(content)
    with pytest.raises(HeaderError) as caught:
        read_header(file)
    assert words in str(caught.value)


def test_pytorch_files_are_looked_at_without_unpickling(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02." * 50)
    file = tmp_path / "pytorch_model.bin"
    for content, words in [
        (packed.getvalue(), ""),
        (b"\x80\x02}q\0.", ""),
        (packed.getvalue()[:-30], "truncated"),
        (b"<html>", "an HTML page"),
        (b"hello", "unrecognized file signature"),
    ]:
        file.write_bytes(content)
        assert words in find_pickle_damage(file)
        assert bool(words) == bool(find_pickle_damage(file))


def test_ordinary_files_look_like_nothing_special(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b'{"model_type": "llama"}')
    assert identify_content(file) == ""
