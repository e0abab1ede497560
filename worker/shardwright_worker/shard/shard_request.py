"""What `shard` is asked to make."""

from dataclasses import dataclass
from pathlib import Path

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.naming import DEFAULT_MAX_FILE_SIZE


@dataclass(frozen=True)
class ShardRequest:
    """A model, how it is cut, and where the artifact goes; with what prepare found out."""

    source: Path
    output: Path
    settings: EngineSettings
    artifact_name: str  # the key, by the one rule of prepare's Layout
    source_digest: str
    source_fingerprint: str = ""  # of the source that has this digest; empty: it is read again
    image: str = ""
    file_pattern: str = ""
    max_file_size: int = DEFAULT_MAX_FILE_SIZE
    verification: str = "load"  # digests, load or generate
    deep: bool = False  # read every byte of an artifact that is there, before it is taken for what was asked
    attempt: str = ""  # names the staging folder; empty: host and process id
    volume_root: Path | None = None  # paths in the report are relative to it; None: to output
    source_revision: str = ""
    source_repo: str = ""
    source_files: tuple[FileDigest, ...] = ()  # recorded in the manifest where they are known
