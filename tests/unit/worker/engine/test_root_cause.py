"""The cause is the rank that failed first, not one that failed because another one had ended."""

from __future__ import annotations

import errno
import signal
from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.classify import record_of
from shardwright_worker.engine.io_errors import Folders
from shardwright_worker.engine.rank_messages import RankExited, RankFailed, write_rank_message
from shardwright_worker.engine.root_cause import root_cause

FOLDERS = Folders(Path("/models/llama"), Path("/output/.staging/x"))


def _fail(messages: Path, rank: int, time: float, error: Exception) -> None:
    write_rank_message(messages, RankFailed(rank=rank, error=record_of(error), time=time))


def _exit(messages: Path, rank: int, time: float, code: int) -> None:
    write_rank_message(messages, RankExited(rank=rank, code=code, time=time))


SECONDARY = [
    RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:4411"),
    RuntimeError("cancelled"),
    EOFError(),
    BrokenPipeError(32, "Broken pipe"),
    RuntimeError("A process in the process pool was terminated abruptly"),
    TimeoutError("RPC call to sample_tokens timed out."),
]


@pytest.mark.parametrize("secondary", SECONDARY, ids=repr)
def test_a_secondary_failure_is_never_the_cause(tmp_path: Path, secondary: Exception) -> None:
    _fail(tmp_path, 0, 1.0, secondary)
    _fail(tmp_path, 1, 2.0, RuntimeError("start (2) + length (1) exceeds dimension size (2)"))
    cause = root_cause(tmp_path, Reason.UNEXPECTED_ERROR, FOLDERS)
    assert cause is not None
    assert (cause.rank, cause.reason) == (1, Reason.INVALID_ENGINE_ARGUMENTS)


def test_the_first_of_several_failures_is_the_cause(tmp_path: Path) -> None:
    _fail(tmp_path, 0, 5.0, RuntimeError("model.norm was not initialized from checkpoint"))
    _fail(tmp_path, 3, 4.0, OSError(errno.EIO, "Input/output error", "/models/llama/a.safetensors"))
    cause = root_cause(tmp_path, Reason.UNEXPECTED_ERROR, FOLDERS)
    assert cause is not None
    assert (cause.rank, cause.reason) == (3, Reason.VOLUME_UNAVAILABLE)


def test_a_killed_rank_is_the_cause_of_secondary_failures(tmp_path: Path) -> None:
    _fail(tmp_path, 0, 1.0, SECONDARY[0])
    _exit(tmp_path, 1, 1.1, -signal.SIGKILL)
    _exit(tmp_path, 2, 0.5, -signal.SIGTERM)  # vLLM ends the others itself
    cause = root_cause(tmp_path, Reason.VERIFICATION_FAILED, FOLDERS)
    assert cause is not None
    assert (cause.rank, cause.reason) == (1, Reason.UNEXPECTED_ERROR)
    assert "SIGKILL" in cause.message


def test_without_a_message_there_is_no_cause(tmp_path: Path) -> None:
    assert root_cause(tmp_path, Reason.UNEXPECTED_ERROR, FOLDERS) is None
