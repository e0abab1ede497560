"""However many names of tensors a source may hold, prepare reads them in bounded memory and time."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.files import tensor_names
from shardwright_worker.prepare.preflight import check_source
from shardwright_worker.source import pickle_names
from shardwright_worker.source.listing import list_source
from tests.unit.test_worker_source import refusal
from tests.unit.test_worker_tensor_twice import BARE, archive
from tools.testing.tiny_files import FIRST, INDEX, SECOND, model_files, safetensors, write_files

BIN = "pytorch_model.bin"
MEMORY = 48 * 1024**2
SECONDS = 3.0  # reading all that is packed here takes many times as long


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (model_files(), f"{INDEX} brings the tensor names"),
        ({**BARE, FIRST: safetensors(dict.fromkeys(("a", "b", "c"), b"12"))}, f"{FIRST} brings the tensor names"),
        ({**BARE, FIRST: safetensors({"a": b"12", "b": b"12"}), SECOND: safetensors({"c": b"12"})}, f"{SECOND} brings"),
        ({**BARE, "1.bin": archive("a", "b"), "2.bin": archive("c")}, "2.bin brings the tensor names"),
    ],
)
def test_names_of_tensors_that_together_need_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], words: str
) -> None:
    monkeypatch.setattr(tensor_names, "MAX_TOTAL_BYTES", 120)  # of which each takes fifty and its letters
    failure = refusal(tmp_path, files)
    assert failure.reason == Reason.SOURCE_CORRUPT
    assert words in failure.message


def hollow(zip64: bool) -> bytes:
    """The end of an archive whose directory, it says, is all that comes before, but for the start."""
    size = 2 * MEMORY
    small, large = (b"PK\x05\x06", b"PK\x06\x06")
    if not zip64:
        return small + struct.pack("<HHHHIIH", 0, 0, 1, 1, size, 1024, 0)
    end = large + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, size, 1024)
    end += b"PK\x06\x07" + struct.pack("<IQI", 0, size + 1024, 1)
    return end + small + struct.pack("<HHHHIIH", 0, 0, 1, 1, 2**32 - 1, 2**32 - 1, 0)


@pytest.mark.parametrize("zip64", [False, True])
def test_an_archive_with_a_hole_for_a_directory(tmp_path: Path, zip64: bool) -> None:
    folder = write_files(tmp_path, {**BARE, BIN: b"PK\x03\x04"})
    with (folder / BIN).open("r+b") as file:
        file.seek(2 * MEMORY + 1024)
        file.write(hollow(zip64))
    assert peak_of_reading(folder) < MEMORY


def test_instructions_that_unpack_to_more_than_is_read(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_BZIP2) as opened:
        opened.writestr("x/data.pkl", bytes(2 * MEMORY))
    folder = write_files(tmp_path, {**BARE, BIN: packed.getvalue()})
    assert peak_of_reading(folder) < MEMORY


def peak_of_reading(folder: Path) -> int:
    tracemalloc.start()
    try:
        assert check_source(list_source(folder, {}), EngineSettings()).weights == [BIN]
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_all_pickles_together_are_read_in_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_names, "_MAX_OPCODES", 1000)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("x/data.pkl", b"\x80\x02" + b"N0" * 2 * 1024**2 + b".")
    endless = {f"{number}.bin": packed.getvalue() for number in range(3, 7)}
    started = time.process_time()
    # What comes after the last instruction that is read has no names that could be in two files.
    late = write_files(tmp_path / "late", {**BARE, **endless, "8.bin": archive("a"), "9.bin": archive("a")})
    check_source(list_source(late, {}), EngineSettings())
    early = refusal(tmp_path / "early", {**BARE, "1.bin": archive("a"), "2.bin": archive("a"), **endless})
    assert "tensor a is in 1.bin and in 2.bin" in early.message
    assert time.process_time() - started < SECONDS
