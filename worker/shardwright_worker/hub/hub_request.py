"""A request for a repository of the Hub: its name, revision, endpoint, and which of its files to download."""

import os
from dataclasses import dataclass, field

DEFAULT_ENDPOINT = "https://huggingface.co"


@dataclass(frozen=True)
class HubRequest:
    """What to download. `include` replaces the default selection of files, `exclude` removes files from either."""

    repo: str
    revision: str = "main"
    endpoint: str = ""
    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    token: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """The URL of the Hub or mirror: the endpoint, HF_ENDPOINT, or the public Hub."""
        return (self.endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
