"""A failed proof is about the shards if they are at fault, and not if the machine or the volume is."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.classify import classify
from shardwright_worker.engine.io_errors import Folders
from shardwright_worker.verify.failed_proof import failure_of_proof


def _failure(error: Exception, artifact: Path) -> WorkerFailure:
    return failure_of_proof(classify(error, Reason.VERIFICATION_FAILED, Folders(output=artifact)), artifact)


def _error(kind: str, message: str, base: type[Exception] = RuntimeError) -> Exception:
    error: Exception = type(kind, (base,), {})(message)
    return error


SHARDS = [
    ValueError("Missing keys ('model.norm.weight',) in loaded state!"),
    ValueError("Could not find checkpoint files '/output/x/model-rank-0-part-*.safetensors', only pre-sharded"),
    KeyError("model.layers.0.mlp.experts.w2_weight_scale"),
    RuntimeError("The size of tensor a (100) must match the size of tensor b (200) at non-singleton dimension 0"),
    RuntimeError("start (2) + length (1) exceeds dimension size (2)."),
    RuntimeError("Failed to load the processor. If it is a custom one, pass `trust_remote_code=True`"),
    _error("SafetensorError", "Error while deserializing header: header too large", Exception),
    _error("ValidationError", "1 validation error for VllmConfig\n  Value error, no [type=value_error, input_value="
           "{'timeout': 3}, input_type=dict]", ValueError),
    OSError("Can't load tokenizer for '/output/x'. Make sure it is the correct path to a directory"),
    OSError("We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them"),
    FileNotFoundError("the model's folder has no file of a tokenizer"),
]  # fmt: skip


@pytest.mark.parametrize("error", SHARDS, ids=repr)
def test_what_a_loader_rejects_is_about_the_shards(tmp_path: Path, error: Exception) -> None:
    failure = _failure(error, tmp_path)
    assert failure.reason is Reason.VERIFICATION_FAILED
    assert failure.message.startswith("A stock vLLM cannot load the shards: ")


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR])
def test_a_missing_file_is_about_the_shards(tmp_path: Path, number: int) -> None:
    error = OSError(number, os.strerror(number), str(tmp_path / "model-rank-0-part-0.safetensors"))
    assert _failure(error, tmp_path).reason is Reason.VERIFICATION_FAILED


@pytest.mark.parametrize("number", sorted(errno.errorcode.keys() - {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}))
def test_no_other_error_of_the_volume_is_about_the_shards(tmp_path: Path, number: int) -> None:
    named = OSError(number, os.strerror(number), str(tmp_path / "model-rank-0-part-0.safetensors"))
    for error in (
        named,
        OSError(number, os.strerror(number)),
        RuntimeError(f"{os.strerror(number)} (os error {number})"),
    ):
        failure = _failure(error, tmp_path)
        assert failure.reason is not Reason.VERIFICATION_FAILED, error
        assert failure.message.startswith("while the shards were verified: ")


MACHINE = [
    (OSError(errno.ENOENT, "No such file or directory", "gcc"), Reason.UNEXPECTED_ERROR),
    (OSError(errno.EADDRINUSE, "Address already in use"), Reason.COMMUNICATION_FAILED),
    (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), Reason.COMMUNICATION_FAILED),
    (TimeoutError("RPC call to sample_tokens timed out."), Reason.UNEXPECTED_ERROR),
    (EOFError(), Reason.UNEXPECTED_ERROR),
    (RuntimeError("Worker proc VllmWorker-1 died unexpectedly, shutting down executor."), Reason.UNEXPECTED_ERROR),
    (subprocess.CalledProcessError(1, "gcc"), Reason.UNEXPECTED_ERROR),
    (RuntimeError("CUDA error: an illegal memory access was encountered"), Reason.UNEXPECTED_ERROR),
    (_error("AcceleratorError", "unspecified launch failure"), Reason.UNEXPECTED_ERROR),
    (_error("NVMLError_Unknown", "Unknown Error", Exception), Reason.DEVICE_UNAVAILABLE),
    (_error("OutOfMemoryError", "CUDA out of memory. Tried to allocate 20.00 MiB."), Reason.OUT_OF_DEVICE_MEMORY),
    (RuntimeError("unable to open shared memory object </torch_1_2_3> in read-write mode: Too many open files (24)"),
     Reason.UNEXPECTED_ERROR),
]  # fmt: skip


@pytest.mark.parametrize(("error", "reason"), MACHINE, ids=repr)
def test_an_error_of_the_machine_keeps_its_reason(tmp_path: Path, error: Exception, reason: Reason) -> None:
    failure = _failure(error, tmp_path)
    assert failure.reason is reason
    assert failure.message.startswith("while the shards were verified: ")


def test_a_missing_file_on_a_volume_that_does_not_answer_is_the_volumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_path: Path) -> list[str]:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    monkeypatch.setattr(os, "listdir", silent)
    failure = _failure(SHARDS[0], tmp_path)
    assert failure.reason is Reason.VOLUME_UNAVAILABLE
    assert str(tmp_path) in failure.message
