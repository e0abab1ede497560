"""What is asked of a hub: a repository, a revision, and which of its files."""

import os
from dataclasses import dataclass, field

DEFAULT_ENDPOINT = "https://huggingface.co"


@dataclass(frozen=True)
class HubRequest:
    """What to fetch. `include` replaces the default choice of files, `exclude` takes away from it."""

    repo: str
    revision: str = "main"
    endpoint: str = ""
    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    token: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """The hub's address."""
        return (self.endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
