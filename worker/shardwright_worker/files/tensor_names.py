"""Limits the memory that tensor names from untrusted files may take."""

import sys

MAX_NAME_LENGTH = 4096  # characters; real models have a few hundred
MAX_TOTAL_BYTES = 128 * 1024**2  # of memory; the names of the largest models take a quarter of it


class TensorNameBudget:
    """The memory that one reader may spend on tensor names."""

    def __init__(self) -> None:
        self._bytes = 0

    def charge(self, name: str) -> str:
        """Count a name that will be kept; return what is wrong with it, or an empty string."""
        self._bytes += sys.getsizeof(name)
        if len(name) > MAX_NAME_LENGTH:
            return f"has a tensor name of {len(name)} characters, the limit is {MAX_NAME_LENGTH}: {name[:80]!a}"
        if self._bytes > MAX_TOTAL_BYTES:
            return f"brings the tensor names to more than {MAX_TOTAL_BYTES} bytes, which is the limit"
        return ""
