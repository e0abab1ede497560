"""Hashes files that are read, in chunks, with a callback that counts the bytes."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

CHUNK = 1024**2  # bytes read at a time, few enough that all hashers find them in a core's cache


class Hasher(Protocol):
    """What hashlib and xxhash provide."""

    def update(self, data: memoryview, /) -> None:
        """Add bytes."""


def ignore_bytes(_count: int) -> None:
    """Do nothing with a number of bytes."""


def hash_stream(
    file: BinaryIO,
    hashers: Sequence[Hasher],
    on_bytes: Callable[[int], None] = ignore_bytes,
    limit: int | None = None,
) -> int:
    """Feed at most `limit` bytes of an open binary file to the hashers and return how many there were.

    The file is read from its current position. `on_bytes` receives the size of each chunk after it was hashed.

    Raises:
        OSError: the file cannot be read.
    """
    buffer = memoryview(bytearray(CHUNK if limit is None else min(CHUNK, limit)))
    done = 0
    while limit is None or done < limit:
        space = buffer if limit is None else buffer[: limit - done]
        count: int = file.readinto(space)  # type: ignore[attr-defined]
        if not count:
            break
        for hasher in hashers:
            hasher.update(space[:count])
        done += count
        on_bytes(count)
    return done


def sha256_of(path: Path, on_bytes: Callable[[int], None] = ignore_bytes) -> str:
    """Return the SHA-256 of a file as 64 hex digits.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        hash_stream(file, [digest], on_bytes)
    return digest.hexdigest()
