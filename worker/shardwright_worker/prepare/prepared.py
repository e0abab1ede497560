"""The result of the prepare stage."""

from pathlib import Path
from typing import NamedTuple

from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.report import ArtifactReport, SourceReport


class Prepared(NamedTuple):
    """A source that passed all checks, and its artifact if one is finished.

    `files` has the digests of the source's files, or None if they were not read: the source is unchanged since its
    digest was computed, or it was not needed.
    """

    key: str
    source: SourceReport
    folder: Path
    files: list[FileDigest] | None
    artifact: ArtifactReport | None
