"""Errors of the file system are the source's, the output's, or the machine's, and get their reason accordingly."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.classify import classify
from shardwright_worker.engine.io_errors import Folders

FOLDERS = Folders(Path("/models/llama"), Path("/output/.staging/x"))
VERIFYING = Folders(output=FOLDERS.output)


@pytest.mark.parametrize(
    ("number", "on_source", "on_output"),
    [
        (errno.EIO, Reason.VOLUME_UNAVAILABLE, Reason.VOLUME_UNAVAILABLE),
        (errno.ESTALE, Reason.VOLUME_UNAVAILABLE, Reason.VOLUME_UNAVAILABLE),
        (errno.ENOTCONN, Reason.VOLUME_UNAVAILABLE, Reason.VOLUME_UNAVAILABLE),
        (errno.ETIMEDOUT, Reason.VOLUME_UNAVAILABLE, Reason.VOLUME_UNAVAILABLE),
        (errno.ESHUTDOWN, Reason.VOLUME_UNAVAILABLE, Reason.VOLUME_UNAVAILABLE),
        (errno.EACCES, Reason.SOURCE_UNREADABLE, Reason.VOLUME_NOT_WRITABLE),
        (errno.EPERM, Reason.SOURCE_UNREADABLE, Reason.VOLUME_NOT_WRITABLE),
        (errno.EROFS, Reason.SOURCE_UNREADABLE, Reason.VOLUME_NOT_WRITABLE),
        (errno.ENOENT, Reason.SOURCE_INCOMPLETE, Reason.UNEXPECTED_ERROR),
        (errno.ENOSPC, Reason.INSUFFICIENT_SPACE, Reason.INSUFFICIENT_SPACE),
        (errno.EDQUOT, Reason.INSUFFICIENT_SPACE, Reason.INSUFFICIENT_SPACE),
    ],
)
def test_the_file_of_an_error_decides_its_reason(number: int, on_source: Reason, on_output: Reason) -> None:
    for folder, reason in ((FOLDERS.source, on_source), (FOLDERS.output, on_output)):
        path = f"{folder}/model.safetensors"
        named = OSError(number, os.strerror(number), path)
        quoted = RuntimeError(f"Worker failed with error '[Errno {number}] {os.strerror(number)}: '{path}''")
        for error in (named, quoted):
            failure = classify(error, Reason.UNEXPECTED_ERROR, FOLDERS)
            assert failure.reason is reason, error
            assert path in failure.message


@pytest.mark.parametrize(
    ("number", "reason"),
    [(5, Reason.VOLUME_UNAVAILABLE), (107, Reason.VOLUME_UNAVAILABLE), (13, Reason.SOURCE_UNREADABLE)],
)
def test_a_reader_that_names_no_file_is_about_what_it_loads(number: int, reason: Reason) -> None:
    error = RuntimeError(f"Error while reading: something (os error {number})")
    assert classify(error, Reason.UNEXPECTED_ERROR, FOLDERS).reason is reason
    expected = reason if number != 13 else Reason.VOLUME_NOT_WRITABLE
    assert classify(error, Reason.VERIFICATION_FAILED, VERIFYING).reason is expected


def test_a_folder_in_place_of_a_file_is_the_sources_error(tmp_path: Path) -> None:
    """So is a loop of links. Of an error that names no file, nothing is known."""
    for number in (errno.EISDIR, errno.ELOOP):
        folders = Folders(source=tmp_path)
        named = OSError(number, os.strerror(number), str(tmp_path / "model.safetensors"))
        assert classify(named, Reason.SOURCE_CORRUPT, folders).reason is Reason.SOURCE_CORRUPT
        nameless = OSError(number, os.strerror(number))
        assert classify(nameless, Reason.SOURCE_CORRUPT, folders).reason is Reason.UNEXPECTED_ERROR


def test_a_file_that_safetensors_calls_missing_is_opened_again(tmp_path: Path) -> None:
    """safetensors reports every file that it cannot open as missing."""
    loop = tmp_path / "loop.safetensors"
    loop.symlink_to(loop)
    there = tmp_path / "there.safetensors"
    for path in (loop, there):
        error = FileNotFoundError(f"No such file or directory: {path}")
        failure = classify(error, Reason.UNEXPECTED_ERROR, Folders(source=tmp_path))
        expected = Reason.SOURCE_INCOMPLETE if path == there else Reason.UNEXPECTED_ERROR
        assert failure.reason is expected, failure.message


FULL_SHARED_MEMORY: list[Exception] = [
    OSError(errno.ENOSPC, "No space left on device", "/dev/shm/psm_1"),
    OSError(errno.ENOSPC, "No space left on device", "/psm_3f2a91c0"),
    RuntimeError("unable to write to file </torch_812_2937_0>: No space left on device (28)"),
    RuntimeError(
        "NCCL error in: /pytorch/torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:3353, unhandled system error (run "
        "with NCCL_DEBUG=INFO for details), NCCL version 2.27.5\nLast error:\nError while creating shared memory "
        "segment /dev/shm/nccl-G2nR1q (size 33030528), error: No space left on device (28)"
    ),
]


@pytest.mark.parametrize("error", FULL_SHARED_MEMORY, ids=["file", "segment", "torch", "NCCL"])
def test_full_shared_memory_is_not_a_full_volume(error: Exception) -> None:
    failure = classify(error, Reason.UNEXPECTED_ERROR, FOLDERS)
    assert failure.reason is Reason.OUT_OF_MEMORY
    assert "/dev/shm is full" in failure.message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_of_the_pod_is_not_a_full_volume(number: int) -> None:
    path = "/root/.triton/cache/abc/x.so"
    failure = classify(OSError(number, os.strerror(number), path), Reason.VERIFICATION_FAILED, FOLDERS)
    assert failure.reason is Reason.UNEXPECTED_ERROR
    assert path in failure.message


@pytest.mark.parametrize("text", ["[Errno 28] No space left on device", "No space left on device (os error 28)"])
def test_a_full_disk_without_a_name_is_the_output(text: str) -> None:
    """If an output is written: the verification writes none."""
    for folders, reason in ((FOLDERS, Reason.INSUFFICIENT_SPACE), (VERIFYING, Reason.UNEXPECTED_ERROR)):
        failure = classify(RuntimeError(text), Reason.UNEXPECTED_ERROR, folders)
        assert failure.reason is reason
        assert str(FOLDERS.source) not in failure.message
