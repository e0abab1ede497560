"""From vLLM's, torch's and the system's errors to reasons of the closed list."""

import errno
import re
from typing import Any

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason

# (words of the message, reason); the first that matches wins. Facts: research on vLLM 0.26 to 0.33.
_WORDS: tuple[tuple[str, Reason], ...] = (
    (r"os error 28|No space left on device|Disk quota exceeded|os error 122", Reason.INSUFFICIENT_SPACE),
    (r"os error (13|30)|Read-only file system|Permission denied", Reason.VOLUME_NOT_WRITABLE),
    (r"out of memory.*(CUDA|HIP|GPU)|(CUDA|HIP).*out of memory|not enough GPU memory", Reason.OUT_OF_DEVICE_MEMORY),
    (r"Free memory on device .* is less than desired", Reason.OUT_OF_DEVICE_MEMORY),
    (r"NCCL error|DistBackendError|Connection closed by peer|Gloo.*(timeout|closed)", Reason.COMMUNICATION_FAILED),
    (r"Failed to infer device type|No CUDA GPUs are available|no NVIDIA driver", Reason.DEVICE_UNAVAILABLE),
    (r"World size .* is larger than the number of available", Reason.DEVICE_UNAVAILABLE),
    (r"incomplete metadata|header too (small|large)|invalid header|InvalidHeader", Reason.SOURCE_CORRUPT),
    (r"referenced in index but missing|Cannot find any model weights", Reason.SOURCE_INCOMPLETE),
    (r"not initialized from checkpoint", Reason.SOURCE_INCOMPLETE),
    (r"Invalid repository ID or local directory", Reason.SOURCE_NOT_FOUND),
    (r"not a valid JSON file", Reason.SOURCE_CORRUPT),
    (
        r"does not recognize this architecture|are not supported for now|no vLLM implementation",
        Reason.UNSUPPORTED_MODEL,
    ),
    (r"Model architectures .* (failed|not supported)|has no vLLM", Reason.UNSUPPORTED_MODEL),
    (
        r"Unknown quantization method|Cannot find the config file for|quantization.*not supported"
        r"|Failed to find a kernel that can implement",
        Reason.UNSUPPORTED_QUANTIZATION,
    ),
    (r"trust_remote_code=True|trust[-_]remote[-_]code", Reason.INVALID_ENGINE_ARGUMENTS),
    (r"must be divisible by|Number of experts|greater than the derived max_model_len", Reason.INVALID_ENGINE_ARGUMENTS),
)
_ERRNO = {
    errno.ENOSPC: Reason.INSUFFICIENT_SPACE,
    errno.EDQUOT: Reason.INSUFFICIENT_SPACE,
    errno.EROFS: Reason.VOLUME_NOT_WRITABLE,
    errno.EACCES: Reason.VOLUME_NOT_WRITABLE,
    errno.EPERM: Reason.VOLUME_NOT_WRITABLE,
    errno.EIO: Reason.VOLUME_NOT_WRITABLE,
}


def classify(error: BaseException, otherwise: Reason) -> WorkerFailure:
    """The failure that an exception stands for; `otherwise` if nothing in it is known."""
    if isinstance(error, WorkerFailure):
        return error
    return _failure(str(error), type(error).__name__, getattr(error, "errno", None), otherwise, None)


def classify_rank(rank: int, said: dict[str, Any]) -> WorkerFailure:
    """The failure that a rank's words stand for."""
    if said["reason"]:
        return WorkerFailure(Reason(said["reason"]), said["message"], rank=rank, error_type=said["type"])
    return _failure(said["message"], said["type"], said["errno"], Reason.WORKER_PROTOCOL_ERROR, rank)


def _failure(message: str, kind: str, number: int | None, otherwise: Reason, rank: int | None) -> WorkerFailure:
    reason = _ERRNO.get(number or 0) if kind.endswith("Error") and number else None
    if reason is None:
        reason = next((reason for words, reason in _WORDS if re.search(words, message, re.I | re.S)), otherwise)
    return WorkerFailure(reason, _short(message) or kind, rank=rank, error_type=kind)


def _short(message: str) -> str:
    """What a person needs of a message: pydantic's frame and links left out."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("For further information", "1 validation error"))]
    text = " ".join(kept) or " ".join(lines)
    return re.sub(r"\s*\[type=.*?\]\s*$", "", re.sub(r"\[type=\w+, input_value=.*?\]", "", text)).strip()[:2000]
