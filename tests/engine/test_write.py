"""Parts on real files: safetensors reads what is written, digests are those of the bytes, failures end cleanly."""

import errno
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import xxhash
from safetensors import safe_open

from shardwright_worker.verify.loaded_digests import digests_of_loaded
from shardwright_worker.writer.buffers import BUFFER
from shardwright_worker.writer.dtypes import DTYPES, plan_tensor
from shardwright_worker.writer.part_plan import PAGE
from shardwright_worker.writer.write import WrittenPart, write_parts
from tests.engine.peak_memory import SIZE

LARGEST_PEAK = 512 * 1024**2  # bytes
FOLDERS = ("disk", "memory")


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder on the disk, and one in memory, where nothing can be written past the page cache."""
    return tmp_path if request.param == "disk" else Path(request.getfixturevalue("memory_folder"))


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder in shared memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


def _tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {
        "layers.0.weight": torch.randn(64, 128, dtype=torch.bfloat16),
        "layers.0.scale": torch.tensor(0.5),
        "layers.0.odd": torch.randn(7, 3).to(torch.float16),
        "layers.0.bytes": torch.arange(13, dtype=torch.uint8),
        "layers.1.weight": torch.randn(128, 64).t(),  # not contiguous
        "layers.1.packed": torch.randint(0, 2**31, (32, 32), dtype=torch.int32),
        "layers.1.empty": torch.empty(0, 4),
        "large": torch.randint(0, 256, (3 * BUFFER + 5,), dtype=torch.uint8),
        "wörter": torch.ones(3, dtype=torch.bool),
    }


def _write(folder: Path, tensors: dict[str, torch.Tensor], limit: int = 2**40, **how: object) -> list[WrittenPart]:
    return write_parts(folder, tensors, "part-{}.safetensors".format, limit, **how)  # type: ignore[arg-type]


def _bytes(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes()) if tensor.numel() else b""


@pytest.mark.parametrize("limit", [1, 10_000, 2**40])
@pytest.mark.parametrize("ordered", [False, True])
def test_safetensors_reads_what_is_written(folder: Path, limit: int, ordered: bool) -> None:
    tensors = _tensors()
    parts = _write(folder, tensors, limit, ordered=ordered)
    found: dict[str, torch.Tensor] = {}
    for part in parts:
        path = folder / part.file
        assert path.stat().st_size == part.size
        assert path.stat().st_mode & 0o777 == 0o644
        assert hashlib.sha256(path.read_bytes()).hexdigest() == part.sha256
        with safe_open(path, "pt") as file:
            found |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for tensor in part.tensors:
            assert tensor.xxh3 == xxhash.xxh3_128(_bytes(tensors[tensor.name])).hexdigest()
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert sorted(path.name for path in folder.iterdir()) == sorted(part.file for part in parts)


def test_large_tensors_that_are_not_contiguous_are_written_in_c_order(tmp_path: Path) -> None:
    columns = torch.randint(0, 256, (3001, BUFFER // 1500), dtype=torch.uint8)
    long_rows = torch.randint(0, 2**15, (2, 2, BUFFER // 4 + 3, 2), dtype=torch.int16)
    tensors = {"columns": columns.t(), "long rows": long_rows.permute(0, 3, 1, 2), "every second": columns[:, ::2]}
    [part] = _write(tmp_path, tensors)
    expected = {name: xxhash.xxh3_128(_bytes(tensor)).hexdigest() for name, tensor in tensors.items()}
    assert {tensor.name: tensor.xxh3 for tensor in part.tensors} == digests_of_loaded(tensors) == expected
    with safe_open(tmp_path / part.file, "pt") as file:
        assert all(torch.equal(file.get_tensor(name), tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    ("kind", "limit"),
    [("small", 4 * 1024**2), ("small", 50 * 10**6), ("small", 2**40), ("transposed", 1), ("long rows", 1)],
)
def test_writing_needs_little_memory_above_the_tensors(tmp_path: Path, kind: str, limit: int) -> None:
    command = [sys.executable, "-m", "tests.engine.peak_memory", str(tmp_path), str(limit), kind]
    peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert peak <= LARGEST_PEAK < SIZE


def test_data_starts_on_a_page_and_unaligned_tensors_come_last(folder: Path) -> None:
    [part] = _write(folder, _tensors())
    raw = (folder / part.file).read_bytes()
    length = int.from_bytes(raw[:8], "little")
    assert (8 + length) % PAGE == 0
    header = json.loads(raw[8 : 8 + length])
    assert header.pop("__metadata__") == {"format": "pt"}
    odd = [(entry["data_offsets"][1] - entry["data_offsets"][0]) % PAGE != 0 for entry in header.values()]
    assert odd == sorted(odd)


def test_digests_of_tensors_equal_those_of_the_parts(tmp_path: Path) -> None:
    tensors = _tensors()
    [part] = _write(tmp_path, tensors)
    assert digests_of_loaded(tensors) == {tensor.name: tensor.xxh3 for tensor in part.tensors}


def test_every_type_has_its_safetensors_name(tmp_path: Path) -> None:
    tensors = {name: torch.zeros(4).to(kind) for kind, name in DTYPES.items()}
    [part] = _write(tmp_path, tensors)
    with safe_open(tmp_path / part.file, "pt") as file:
        assert {name: file.get_tensor(name).dtype for name in tensors} == {name: kind for kind, name in DTYPES.items()}


def test_many_parts_need_few_buffers(tmp_path: Path) -> None:
    tensors = {str(number): torch.full((1000,), number, dtype=torch.int32) for number in range(300)}
    parts = _write(tmp_path, tensors, 1, threads=3)
    assert len(parts) == 300


def test_a_full_volume_is_an_error(tmp_path: Path) -> None:
    folder = Path("/dev/full")
    with pytest.raises(OSError, match=os.strerror(errno.ENOTDIR)):
        _write(folder, _tensors())
    tensors = {"huge": torch.empty(1).expand(2**50)}
    assert plan_tensor("huge", tensors["huge"]).size == 2**52
    with pytest.raises(OSError) as raised:
        _write(tmp_path, tensors, ordered=False)
    assert raised.value.errno in (errno.ENOSPC, errno.EFBIG)


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "part-0.safetensors").write_text("theirs")
    with pytest.raises(FileExistsError):
        _write(tmp_path, _tensors())
    assert (tmp_path / "part-0.safetensors").read_text() == "theirs"


def test_progress_counts_every_byte(tmp_path: Path) -> None:
    done: list[int] = []
    [part] = _write(tmp_path, _tensors(), count=done.append)
    assert sum(done) == part.size
