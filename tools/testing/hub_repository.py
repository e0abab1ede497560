"""A model's repository on a Hub server, with the names that Git and Git LFS have for its files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

# Files of these types are stored with Git LFS.
LARGE = (".safetensors", ".bin", ".model")


@dataclass
class Repository:
    """The files at one commit. A `private` one needs a token to be visible, a `gated` one returns none of its files."""

    files: dict[str, bytes]
    private: bool = False
    gated: bool = False
    branches: tuple[str, ...] = ("main",)
    stated_commit: str = ""  # what is reported as the commit instead of the true one

    @property
    def commit(self) -> str:
        """The commit; it changes with any file."""
        content = sorted((name, hashlib.sha1(data).hexdigest()) for name, data in self.files.items())
        return hashlib.sha1(json.dumps(content).encode()).hexdigest()

    @property
    def sha(self) -> str:
        """The commit that is reported."""
        return self.stated_commit or self.commit

    def has_revision(self, revision: str) -> bool:
        """Return whether there is such a branch or commit."""
        return revision in (*self.branches, self.commit, self.stated_commit)


def git_id(name: str, data: bytes) -> str:
    """Return Git's object ID of a file; of a large one, that of its Git LFS pointer.

    https://github.com/git-lfs/git-lfs/blob/v3.7.0/docs/spec.md
    """
    if name.endswith(LARGE):
        digest = hashlib.sha256(data).hexdigest()
        data = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n".encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
