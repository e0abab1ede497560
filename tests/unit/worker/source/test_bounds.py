"""However large the files of a source claim to be, they are read in bounded memory and time."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
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
from tests.unit.worker.source_cases import CONFIG_ONLY, rejection, torch_archive
from tools.testing.tiny_files import FIRST, INDEX, SECOND, model_files, safetensors, write_files

BIN = "pytorch_model.bin"


MEMORY = 48 * 1024**2


SECONDS = 3.0  # reading all that is packed here takes many times as long


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (model_files(), f"{INDEX} brings the tensor names"),
        (
            {**CONFIG_ONLY, FIRST: safetensors(dict.fromkeys(("a", "b", "c"), b"12"))},
            f"{FIRST} brings the tensor names",
        ),
        (
            {**CONFIG_ONLY, FIRST: safetensors({"a": b"12", "b": b"12"}), SECOND: safetensors({"c": b"12"})},
            f"{SECOND} brings",
        ),
        (
            {**CONFIG_ONLY, "1.bin": torch_archive("a", "b"), "2.bin": torch_archive("c")},
            "2.bin brings the tensor names",
        ),
    ],
)
def test_rejects_tensor_names_that_exceed_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], words: str
) -> None:
    monkeypatch.setattr(tensor_names, "MAX_TOTAL_BYTES", 120)  # of which each takes fifty and its letters
    failure = rejection(tmp_path, files)
    assert failure.reason == Reason.SOURCE_CORRUPT
    assert words in failure.message


def huge_directory(zip64: bool) -> bytes:
    """The end of an torch_archive whose directory, it says, is all that comes before, but for the start."""
    size = 2 * MEMORY
    small, large = (b"PK\x05\x06", b"PK\x06\x06")
    if not zip64:
        return small + struct.pack("<HHHHIIH", 0, 0, 1, 1, size, 1024, 0)
    end = large + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, size, 1024)
    end += b"PK\x06\x07" + struct.pack("<IQI", 0, size + 1024, 1)
    return end + small + struct.pack("<HHHHIIH", 0, 0, 1, 1, 2**32 - 1, 2**32 - 1, 0)


@pytest.mark.parametrize("zip64", [False, True])
def test_an_archive_with_a_hole_for_a_directory(tmp_path: Path, zip64: bool) -> None:
    folder = write_files(tmp_path, {**CONFIG_ONLY, BIN: b"PK\x03\x04"})
    with (folder / BIN).open("r+b") as file:
        file.seek(2 * MEMORY + 1024)
        file.write(huge_directory(zip64))
    assert peak_memory(folder) < MEMORY


def test_a_pickle_that_decompresses_to_more_than_the_limit(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_BZIP2) as opened:
        opened.writestr("x/data.pkl", bytes(2 * MEMORY))
    folder = write_files(tmp_path, {**CONFIG_ONLY, BIN: packed.getvalue()})
    assert peak_memory(folder) < MEMORY


def peak_memory(folder: Path) -> int:
    tracemalloc.start()
    try:
        assert check_source(list_source(folder, {}), EngineSettings()).weights == [BIN]
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_all_pickles_together_have_one_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_names, "_MAX_OPCODES", 1000)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("x/data.pkl", b"\x80\x02" + b"N0" * 2 * 1024**2 + b".")
    long = {f"{number}.bin": packed.getvalue() for number in range(3, 7)}
    started = time.process_time()
    # What comes after the last instruction that is read has no names that could be in two files.
    late = write_files(
        tmp_path / "late", {**CONFIG_ONLY, **long, "8.bin": torch_archive("a"), "9.bin": torch_archive("a")}
    )
    check_source(list_source(late, {}), EngineSettings())
    early = rejection(
        tmp_path / "early", {**CONFIG_ONLY, "1.bin": torch_archive("a"), "2.bin": torch_archive("a"), **long}
    )
    assert "tensor a is in 1.bin and in 2.bin" in early.message
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", b"[" + b"[]," * 6_000_000 + b"[]]", "more than 16777216 bytes"),
        ("config.json", b'{"num_attention_heads": ' + b"9" * 5000 + b"}", "not a valid JSON file"),
        (INDEX, b'{"weight_map": {"a": "' + b"x" * 300 + b'.safetensors"}}', "outside the folder"),
        (INDEX, b'{"weight_map": {"a": ' + b"[" * 100_000, "a value is not valid"),
        (INDEX, b'{"weight_map": {"' + b"a" * 5000 + b'": "x.safetensors"}}', "a tensor name of 5000 characters"),
        (FIRST, (9).to_bytes(8, "little") + b'{"\\ud800":', "is damaged"),
        (FIRST, safetensors({"a" * 5000: b"12"}), "a tensor name of 5000 characters"),
    ],
)
def test_rejects_values_beyond_the_limits(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    failure = rejection(tmp_path, {**model_files(), name: content})
    assert failure.reason == Reason.SOURCE_CORRUPT
    assert words in failure.message
    assert len(failure.message) < 500


def test_a_large_model_takes_little_memory(tmp_path: Path) -> None:
    weights = {}
    index = {}
    for file in range(200):
        name = f"model-{file:05}-of-00200.safetensors"
        tensors = {f"model.layers.{file}.mlp.experts.{each}.gate_up_proj.weight_scale": b"12" for each in range(500)}
        weights[name] = safetensors(tensors)
        index.update(dict.fromkeys(tensors, name))
    files = {**model_files(), **weights, INDEX: json.dumps({"weight_map": index}).encode()}
    files["trainer_state.json"] = files["results.json"] = b"[" + b"[]," * 5_000_000 + b"[]]"
    files["tokenizer.json"] = json.dumps({"model": {"vocab": {f"t{each}": each for each in range(200_000)}}}).encode()
    write_files(tmp_path / "model", files)
    peak = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    script = f"import sys; from shardwright_worker.cli.main import run; assert run(sys.argv[1:]) == 0; {peak}"
    flags = ["prepare", "--source", str(tmp_path / "model"), "--output", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", script, *flags], capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1]) < 140 * 1024  # KiB, of which the interpreter has some 40 MiB
