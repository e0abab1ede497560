"""The hash functions of the writer on one core, without any input or output: what bounds one part of a rank."""

import hashlib
import os
import time
from collections.abc import Callable

import xxhash

from shardwright_worker.writer.buffers import BUFFER, STEP

_ROUNDS = 16  # buffers of one measurement


def measure_hashes(runs: int) -> dict[str, dict[str, float]]:
    """Return GB for each second of a core, the fastest of the runs, of each digest over a buffer of 8 MiB."""
    data = memoryview(os.urandom(BUFFER))
    digests: dict[str, Callable[[], None]] = {
        "XXH3-128": lambda: xxhash.xxh3_128().update(data),
        "SHA-256": lambda: hashlib.sha256().update(data),
        "both, in the writer's steps": lambda: _both(data),
    }
    seconds: dict[str, list[float]] = {name: [] for name in digests}
    for _ in range(runs):
        for name, add in digests.items():
            start = time.thread_time()
            for _ in range(_ROUNDS):
                add()
            seconds[name].append(time.thread_time() - start)
    return {name: {"GBps": round(_ROUNDS * BUFFER / 1e9 / min(taken), 3)} for name, taken in seconds.items()}


def _both(data: memoryview) -> None:
    sha256, xxh3 = hashlib.sha256(), xxhash.xxh3_128()
    for start in range(0, len(data), STEP):
        xxh3.update(data[start : start + STEP])
        sha256.update(data[start : start + STEP])
