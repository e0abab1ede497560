"""What vLLM, torch and the system say becomes the reason that it stands for, and is told in their words."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.child import _death, _failure
from shardwright_worker.engine.classify import classify, classify_rank, tell
from shardwright_worker.engine.io_errors import Sides
from shardwright_worker.engine.ranks import say
from shardwright_worker.engine.root_cause import cause_in, death

SIDES = Sides(Path("/models/llama"), Path("/output/.staging/x"))
PROVING = Sides(output=SIDES.output)
INVALID, QUANTIZATION = Reason.INVALID_ENGINE_ARGUMENTS, Reason.UNSUPPORTED_QUANTIZATION
DEVICE, LINK = Reason.DEVICE_UNAVAILABLE, Reason.COMMUNICATION_FAILED
# What vLLM 0.26 to 0.33, torch, NCCL and CUDA say.
SEEN = [
    ("start (2) + length (1) exceeds dimension size (2).", INVALID),
    ("Total number of attention heads (8) must be divisible by tensor parallel size (3).", INVALID),
    ("151936 is not divisible by 7", INVALID),
    ("num_heads 20 is not divisible by tp_size 8.", INVALID),
    ("Weight output_partition_size = 576 is not divisible by weight quantization block_n = 128.", INVALID),
    ("output_size of gate's and up's = 192 is not divisible by weight quantization block_n = 128.", INVALID),
    ("Weight input_size_per_partition = 64 is not divisible by weight quantization block_k = 128.", INVALID),
    ("Input features 96 not divisible by group size 64", INVALID),
    ("Weight input_size_per_partition = 5120 is not divisible by min_thread_k = 128.", INVALID),
    ("K (1376) not divisible by group_size = 128.", INVALID),
    ("The input size is not aligned with the quantized weight shape. This can be caused by too large", INVALID),
    ("Number of experts in the model must be greater than 0 when expert parallelism is enabled", INVALID),
    ("Failed to find a kernel that can implement the WNA16 linear layer. Reasons: group size 96", QUANTIZATION),
    ("Unknown quantization method: flummi. Must be one of ['awq']", QUANTIZATION),
    ("Cannot find the config file for awq", QUANTIZATION),
    ("User-specified max_model_len (9000) is greater than the derived max_model_len (256)", INVALID),
    ("Please pass the argument `trust_remote_code=True` to allow custom code to be run.", INVALID),
    ("model type `flummi` but Transformers does not recognize this architecture.", Reason.UNSUPPORTED_MODEL),
    ("Model architectures ['Foo'] are not supported for now.", Reason.UNSUPPORTED_MODEL),
    ("Invalid repository ID or local directory specified: '/models/llama'", Reason.SOURCE_NOT_FOUND),
    ("It looks like the config file at '/models/llama/config.json' is not a valid JSON file.", Reason.SOURCE_CORRUPT),
    ("Error while deserializing header: incomplete metadata, file not fully covered", Reason.SOURCE_CORRUPT),
    ("Error while deserializing header: header too small", Reason.SOURCE_CORRUPT),
    ("Error while deserializing header: header too large", Reason.SOURCE_CORRUPT),
    ("Cannot find any model weights with `/models/llama`", Reason.SOURCE_INCOMPLETE),
    ("model-00002.safetensors is referenced in index but missing", Reason.SOURCE_INCOMPLETE),
    ("Following weights were not initialized from checkpoint: {'model.norm.weight'}", Reason.SOURCE_INCOMPLETE),
    ("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has", Reason.OUT_OF_DEVICE_MEMORY),
    ("Failed to load model - not enough GPU memory.", Reason.OUT_OF_DEVICE_MEMORY),
    ("Free memory on device cuda:0 (0.5/79.2 GiB) on startup is less than desired GPU memory utilization", DEVICE),
    ("NCCL error: unhandled system error", LINK),
    ("[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection reset by peer [127.0.0.1]:23456", LINK),
    ("[/pytorch/third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 1800000ms for recv", LINK),
    ("Timed out after 601 seconds waiting for clients. 1/2 clients joined.", LINK),
    ("wait timeout after 2000ms, keys: /x", LINK),
    ("The client socket has failed to connect to any network address of (10.0.0.3, 29500).", LINK),
    ("The client socket has timed out after 600000ms while trying to connect to (10.0.0.3, 29500).", LINK),
    ("The server socket has failed to listen on any local network address. port: 36159, useIpv6: false, code: -98, "
     "name: EADDRINUSE, message: address already in use", LINK),
    ("Failed to recv, got 0 bytes. Connection was likely closed. Did the remote server shutdown or crash?", LINK),
    ("Failed to infer device type", DEVICE),
    ("CUDA error: CUDA-capable device(s) is/are busy or unavailable\nCUDA kernel errors might be", DEVICE),
    ("Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that "
     "might have already set an error? Error 802: system not yet initialized", DEVICE),
    ("NCCL error in: ProcessGroupNCCL.cpp:3353, unhandled cuda error (run with NCCL_DEBUG=INFO for details)\n"
     "Last error:\nCuda failure 802 'system not yet initialized'", DEVICE),
    ("CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing env variable", DEVICE),
    ("GPU is lost", DEVICE),
    ("Driver/library version mismatch", DEVICE),
    ("No valid attention backend found for cuda with AttentionSelectorConfig(head_size=200, dtype=torch.bfloat16, "
     "kv_cache_dtype=auto, block_size=None, use_mla=False). Reasons: {FLASH_ATTN: [head_size not supported], "
     "TRITON_ATTN: [block_size not supported]}.", Reason.UNSUPPORTED_MODEL),
    ("The quantization method fp8 is not supported for the current GPU. Minimum capability: 89.", QUANTIZATION),
    ("Group size (96) not supported by Marlin, supported group sizes are: [32, 64, 128]", QUANTIZATION),
    ("Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has", INVALID),
    ("Pipeline parallelism is not supported for this model. Supported models implement the `SupportsPP`", INVALID),
    ("World size (4) is larger than the number of available GPUs (2)", DEVICE),
    ("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory", Reason.OUT_OF_MEMORY),
]  # fmt: skip


@pytest.mark.parametrize(("words", "reason"), SEEN)
@pytest.mark.parametrize("rank", [None, 3])
def test_words_that_were_seen_have_their_reason(words: str, reason: Reason, rank: int | None) -> None:
    error = RuntimeError(words)
    if rank is None:
        failure = classify(error, Reason.UNEXPECTED_ERROR, SIDES)
    else:
        failure = classify_rank(rank, tell(error), Reason.UNEXPECTED_ERROR, SIDES)
    assert (failure.reason, failure.rank) == (reason, rank)
    assert words[:40] in failure.message


@pytest.mark.parametrize("kind", ["DistBackendError", "DistNetworkError", "DistStoreError"])
def test_what_torch_calls_an_error_of_the_ranks_is_one(kind: str) -> None:
    error = type(kind, (RuntimeError,), {})("unheard of")
    assert classify(error, Reason.VERIFICATION_FAILED, SIDES).reason is LINK


def test_no_words_are_found_across_sentences() -> None:
    said = "The block size is 16. Flummi is not supported. World size (4) is odd.\nIt is larger than the number of"
    said += " available GPUs"
    assert classify(ValueError(said), Reason.UNEXPECTED_ERROR, SIDES).reason is Reason.UNEXPECTED_ERROR


def test_words_that_nobody_has_seen_are_told_as_they_are() -> None:
    failure = classify_rank(2, tell(KeyError("model.flummi")), Reason.UNEXPECTED_ERROR, SIDES)
    assert failure.reason is Reason.UNEXPECTED_ERROR
    assert failure.message == "KeyError: 'model.flummi'"
    assert (failure.rank, failure.error_type) == (2, "KeyError")


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
def test_the_side_of_an_error_is_told_by_its_file(number: int, on_source: Reason, on_output: Reason) -> None:
    for folder, reason in ((SIDES.source, on_source), (SIDES.output, on_output)):
        path = f"{folder}/model.safetensors"
        named = OSError(number, os.strerror(number), path)
        told = RuntimeError(f"Worker failed with error '[Errno {number}] {os.strerror(number)}: '{path}''")
        for error in (named, told):
            failure = classify(error, Reason.UNEXPECTED_ERROR, SIDES)
            assert failure.reason is reason, error
            assert path in failure.message


@pytest.mark.parametrize(
    ("number", "reason"),
    [(5, Reason.VOLUME_UNAVAILABLE), (107, Reason.VOLUME_UNAVAILABLE), (13, Reason.SOURCE_UNREADABLE)],
)
def test_a_reader_that_names_no_file_means_what_it_loads(number: int, reason: Reason) -> None:
    error = RuntimeError(f"Error while reading: something (os error {number})")
    assert classify(error, Reason.UNEXPECTED_ERROR, SIDES).reason is reason
    expected = reason if number != 13 else Reason.VOLUME_NOT_WRITABLE
    assert classify(error, Reason.VERIFICATION_FAILED, PROVING).reason is expected


def test_a_file_of_the_source_that_is_none_is_the_source(tmp_path: Path) -> None:
    """A folder, or links in a circle. Of an error that names neither side, nothing is known."""
    for number in (errno.EISDIR, errno.ELOOP):
        sides = Sides(source=tmp_path)
        named = OSError(number, os.strerror(number), str(tmp_path / "model.safetensors"))
        assert classify(named, Reason.SOURCE_CORRUPT, sides).reason is Reason.SOURCE_CORRUPT
        nameless = OSError(number, os.strerror(number))
        assert classify(nameless, Reason.SOURCE_CORRUPT, sides).reason is Reason.UNEXPECTED_ERROR


def test_what_safetensors_calls_missing_is_looked_at(tmp_path: Path) -> None:
    """It says so of every file that it cannot open."""
    loop = tmp_path / "loop.safetensors"
    loop.symlink_to(loop)
    there = tmp_path / "there.safetensors"
    for path in (loop, there):
        error = FileNotFoundError(f"No such file or directory: {path}")
        failure = classify(error, Reason.UNEXPECTED_ERROR, Sides(source=tmp_path))
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
def test_full_shared_memory_is_no_full_volume(error: Exception) -> None:
    failure = classify(error, Reason.UNEXPECTED_ERROR, SIDES)
    assert failure.reason is Reason.OUT_OF_MEMORY
    assert "/dev/shm is full" in failure.message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_of_the_pod_is_no_full_volume(number: int) -> None:
    path = "/root/.triton/cache/abc/x.so"
    failure = classify(OSError(number, os.strerror(number), path), Reason.VERIFICATION_FAILED, SIDES)
    assert failure.reason is Reason.UNEXPECTED_ERROR
    assert path in failure.message


@pytest.mark.parametrize("said", ["[Errno 28] No space left on device", "No space left on device (os error 28)"])
def test_a_full_disk_that_nobody_names_is_the_output(said: str) -> None:
    """Where one is written; a proof writes none."""
    for sides, reason in ((SIDES, Reason.INSUFFICIENT_SPACE), (PROVING, Reason.UNEXPECTED_ERROR)):
        failure = classify(RuntimeError(said), Reason.UNEXPECTED_ERROR, sides)
        assert failure.reason is reason
        assert str(SIDES.source) not in failure.message


def _fail(scratch: Path, rank: int, time: float, error: Exception) -> None:
    say(scratch, "failed", rank, {**tell(error), "time": time})


def _die(scratch: Path, rank: int, time: float, code: int) -> None:
    say(scratch, "died", rank, {"code": code, "time": time})


FELT = [
    RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:4411"),
    RuntimeError("cancelled"),
    EOFError(),
    BrokenPipeError(32, "Broken pipe"),
    RuntimeError("A process in the process pool was terminated abruptly"),
    TimeoutError("RPC call to sample_tokens timed out."),
]


@pytest.mark.parametrize("felt", FELT, ids=repr)
def test_a_consequence_loses_to_its_cause_whatever_rank_and_time(tmp_path: Path, felt: Exception) -> None:
    _fail(tmp_path, 0, 1.0, felt)
    _fail(tmp_path, 1, 2.0, RuntimeError("start (2) + length (1) exceeds dimension size (2)"))
    cause = cause_in(tmp_path, Reason.UNEXPECTED_ERROR, SIDES)
    assert cause is not None
    assert (cause.rank, cause.reason) == (1, Reason.INVALID_ENGINE_ARGUMENTS)


def test_of_several_causes_the_first_in_time_wins(tmp_path: Path) -> None:
    _fail(tmp_path, 0, 5.0, RuntimeError("model.norm was not initialized from checkpoint"))
    _fail(tmp_path, 3, 4.0, OSError(errno.EIO, "Input/output error", "/models/llama/a.safetensors"))
    cause = cause_in(tmp_path, Reason.UNEXPECTED_ERROR, SIDES)
    assert cause is not None
    assert (cause.rank, cause.reason) == (3, Reason.VOLUME_UNAVAILABLE)


def test_a_rank_that_was_killed_is_the_cause_of_what_the_others_felt(tmp_path: Path) -> None:
    _fail(tmp_path, 0, 1.0, FELT[0])
    _die(tmp_path, 1, 1.1, -signal.SIGKILL)
    _die(tmp_path, 2, 0.5, -signal.SIGTERM)  # vLLM ends the others itself
    cause = cause_in(tmp_path, Reason.VERIFICATION_FAILED, SIDES)
    assert cause is not None
    assert (cause.rank, cause.reason) == (1, Reason.UNEXPECTED_ERROR)
    assert "SIGKILL" in cause.message


def test_nobody_said_anything(tmp_path: Path) -> None:
    assert cause_in(tmp_path, Reason.UNEXPECTED_ERROR, SIDES) is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL])
def test_memory_was_short_only_where_the_kernel_says_so(number: signal.Signals) -> None:
    assert _death(-number, killed=False).reason is Reason.UNEXPECTED_ERROR
    assert number.name in _death(-number, killed=False).message
    assert _death(-number, killed=True).reason is Reason.OUT_OF_MEMORY
    told = death("rank 1's process", -number, 1)
    answer = {"reason": told.reason.value, "message": told.message, "rank": 1, "error_type": told.error_type}
    assert _failure(answer, killed=False).reason is Reason.UNEXPECTED_ERROR
    assert _failure(answer, killed=True).reason is Reason.OUT_OF_MEMORY


def test_a_true_failure_stays_whatever_else_was_killed() -> None:
    answer = {"reason": "SourceIncomplete", "message": "no norm", "rank": 0, "error_type": "ValueError"}
    assert _failure(answer, killed=True).reason is Reason.SOURCE_INCOMPLETE
