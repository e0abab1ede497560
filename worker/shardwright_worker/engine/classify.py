"""From vLLM's, torch's and the system's errors to reasons of the closed list."""

import re
from collections.abc import Mapping
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.felt import FELT
from shardwright_worker.engine.io_errors import Sides, judge_system_error, system_number, tells_of_files

_HEAD, _TAIL = 4000, 2000  # characters of a long message that are looked at
# (words of one sentence of the message, reason); the first that matches wins, so that what is special stands above what
# is general. Facts: research on vLLM 0.26 to 0.33.
_WORDS: tuple[tuple[str, Reason], ...] = (
    (
        r"out of memory.*\b(CUDA|HIP|GPU)|\b(CUDA|HIP)\b.*out of memory|not enough GPU memory",
        Reason.OUT_OF_DEVICE_MEMORY,
    ),
    (r"No available memory for the cache|To serve at least one request", Reason.OUT_OF_DEVICE_MEMORY),
    (r"CUBLAS_STATUS_ALLOC_FAILED", Reason.OUT_OF_DEVICE_MEMORY),
    (r"DefaultCPUAllocator|can't allocate memory|Cannot allocate memory|bad_alloc", Reason.OUT_OF_MEMORY),
    (r"unable to allocate shared memory", Reason.OUT_OF_MEMORY),
    # We ask for so little of it that somebody else holds the rest, such as a rank that was just killed.
    (r"Free memory on device .* is less than desired", Reason.DEVICE_UNAVAILABLE),
    (r"Failed to infer device type|No CUDA GPUs are available|no NVIDIA driver", Reason.DEVICE_UNAVAILABLE),
    (r"World size .* is larger than the number of available|invalid device ordinal", Reason.DEVICE_UNAVAILABLE),
    (r"no CUDA-capable device|busy or unavailable|uncorrectable ECC|GPU is lost", Reason.DEVICE_UNAVAILABLE),
    (r"system not yet initialized|CUDA unknown error|NVMLError", Reason.DEVICE_UNAVAILABLE),
    (r"CUDA driver version is insufficient|Driver/library version mismatch", Reason.DEVICE_UNAVAILABLE),
    (r"NCCL error|Dist(Backend|Network|Store)?Error|gloo/transport|Gloo connect", Reason.COMMUNICATION_FAILED),
    (r"Connection (closed|reset) by peer|Address already in use", Reason.COMMUNICATION_FAILED),
    (r"The (client|server) socket has (failed|timed out)|Failed to (recv|send), ", Reason.COMMUNICATION_FAILED),
    (r"Timed out waiting \d+ms|seconds waiting for clients|Wait timeout", Reason.COMMUNICATION_FAILED),
    (r"incomplete metadata|header ?too ?(small|large)|invalid header|InvalidHeader", Reason.SOURCE_CORRUPT),
    (r"Metadata ?Incomplete ?Buffer|Error while deserializing|MetadataIncomplete", Reason.SOURCE_CORRUPT),
    (r"referenced in index but missing|Cannot find any model weights", Reason.SOURCE_INCOMPLETE),
    (r"not initialized from checkpoint", Reason.SOURCE_INCOMPLETE),
    (r"Attempted to load weight .* into parameter", Reason.SOURCE_CORRUPT),
    (r"There is no module or parameter named", Reason.UNSUPPORTED_MODEL),
    (r"Invalid repository ID or local directory", Reason.SOURCE_NOT_FOUND),
    (r"LocalEntryNotFoundError|HFValidationError|Repo id must be in the form", Reason.SOURCE_NOT_FOUND),
    (r"not a valid JSON file", Reason.SOURCE_CORRUPT),
    (r"No valid attention backend found", Reason.UNSUPPORTED_MODEL),
    (
        r"Unknown quantization method|Cannot find the config file for|quantization.*not supported"
        r"|Failed to find a kernel that can implement|(group|block)[ _]size\b.*(not support|unsupported)",
        Reason.UNSUPPORTED_QUANTIZATION,
    ),
    (
        r"does not recognize this architecture|are not supported for now|no vLLM implementation",
        Reason.UNSUPPORTED_MODEL,
    ),
    (r"Model architectures .* (failed|not supported)|has no vLLM", Reason.UNSUPPORTED_MODEL),
    (r"Bfloat16 is only supported on|Pipeline parallelism is not supported for", Reason.INVALID_ENGINE_ARGUMENTS),
    (r"trust_remote_code=True|trust[-_]remote[-_]code", Reason.INVALID_ENGINE_ARGUMENTS),
    (
        r"must be divisible by|not divisible by|divisible by|evenly divi|not a multiple of|not multiple of|must align"
        r"|not aligned with the quantized|quantization block_[nk]|Number of experts"
        r"|greater than the derived max_model_len",
        Reason.INVALID_ENGINE_ARGUMENTS,
    ),
    # What torch says when a rank's share of a weight lies outside of it: the parallel size does not fit the model.
    (r"start \(\d+\) \+ length \(\d+\) exceeds dimension size", Reason.INVALID_ENGINE_ARGUMENTS),
    (r"unrecognized arguments|invalid choice|Invalid (linear|moe)_backend", Reason.INVALID_ENGINE_ARGUMENTS),
)
# How the machine or another process was, and no more is known.
_SYSTEM = rf"{FELT}|\b(CUDA|HIP|cuBLAS|cuDNN) error|AcceleratorError|CalledProcessError"
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n")  # what stands between them


def classify(error: BaseException, otherwise: Reason, sides: Sides | None = None) -> WorkerFailure:
    """The failure that an exception stands for; `otherwise` if nothing in it is known, and it is not the system's."""
    if isinstance(error, WorkerFailure):
        return error
    if isinstance(error, MemoryError):
        return WorkerFailure(Reason.OUT_OF_MEMORY, f"no memory is left ({error or 'MemoryError'})")
    return _failure(tell(error), otherwise, sides or Sides(), None)


def tell(error: BaseException) -> dict[str, Any]:
    """What a rank must keep of an exception, so that it can be judged elsewhere."""
    names = (getattr(error, name, None) for name in ("filename", "filename2"))
    return {
        "type": type(error).__name__,
        "message": str(error),
        "reason": error.reason.value if isinstance(error, WorkerFailure) else "",
        "errno": error.errno if isinstance(error, OSError) else None,
        "files": [str(name) for name in names if isinstance(name, str | bytes)],
    }


def classify_rank(rank: int, said: Mapping[str, Any], otherwise: Reason, sides: Sides | None = None) -> WorkerFailure:
    """The failure that a rank's words stand for."""
    if said["reason"]:
        return WorkerFailure(Reason(said["reason"]), said["message"], rank=rank, error_type=said["type"])
    return _failure(said, otherwise, sides or Sides(), rank)


def _failure(said: Mapping[str, Any], otherwise: Reason, sides: Sides, rank: int | None) -> WorkerFailure:
    kind, message = said["type"], _ends(said["message"])
    number, files = system_number(kind, message, said["errno"]), said.get("files", ())
    if number and (judged := judge_system_error(number, message, files, sides)):
        return WorkerFailure(judged.reason, judged.message, rank=rank, error_type=kind)
    told = _short(message)
    reason = _reason_of(f"{kind}: {message}")
    if reason is None:
        if number:
            loaded = tells_of_files(number, message, files, sides)
        else:
            loaded = not re.search(_SYSTEM, f"{kind}: {told}", re.I)
        reason = otherwise if loaded else Reason.UNEXPECTED_ERROR
    if reason is Reason.UNEXPECTED_ERROR:
        told = f"{kind}: {told}".rstrip(": ")
    return WorkerFailure(reason, told or kind, rank=rank, error_type=kind)


def _reason_of(text: str) -> Reason | None:
    sentences = _SENTENCES.split(text)
    found = (reason for words, reason in _WORDS if any(re.search(words, each, re.I) for each in sentences))
    return next(found, None)


def _ends(message: str) -> str:
    return message if len(message) <= _HEAD + _TAIL else message[:_HEAD] + " ... " + message[-_TAIL:]


def _short(message: str) -> str:
    """What a person needs of a message: pydantic's frame and links left out."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("For further information", "1 validation error"))]
    text = " ".join(kept) or " ".join(lines)
    return re.sub(r"\s*\[type=.*?\]\s*$", "", re.sub(r"\[type=\w+, input_value=.*?\]", "", text)).strip()[:2000]
