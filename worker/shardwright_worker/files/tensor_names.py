"""Bounds the names of tensors, each and all together: they are kept in memory, and anybody may write them."""

import sys

LONGEST = 4096  # characters; the longest of models have some hundred
MOST = 128 * 1024**2  # bytes of memory; the largest models' names take a fourth of it


class NamesKept:
    """Counts the names of tensors that one reader keeps."""

    def __init__(self) -> None:
        self._bytes = 0

    def excess(self, name: str) -> str:
        """What is wrong with keeping this name too; empty if nothing is."""
        self._bytes += sys.getsizeof(name)
        if len(name) > LONGEST:
            return f"names a tensor with {len(name)} characters, which no model has: {name[:80]!a}"
        if self._bytes > MOST:
            return f"brings the names of tensors to more than {MOST} bytes, which no model has"
        return ""
