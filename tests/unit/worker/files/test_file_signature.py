"""Files that are recognized by their first bytes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from shardwright_worker.files.file_signature import find_pickle_damage, identify_content


def test_finds_damage_of_pytorch_files_without_unpickling(tmp_path: Path) -> None:
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


def test_does_not_recognize_an_ordinary_json_file(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b'{"model_type": "llama"}')
    assert identify_content(file) == ""
