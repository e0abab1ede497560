"""The request that the shard stage is called with."""

from dataclasses import dataclass
from pathlib import Path

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.manifest import FileDigest
from shardwright_worker.contract.naming import DEFAULT_MAX_FILE_SIZE


@dataclass(frozen=True)
class ShardRequest:
    """A model, how it is split, where the artifact is written, and what prepare found out."""

    source: Path
    output: Path
    settings: EngineSettings
    artifact_name: str  # the key, by the one rule of prepare's Layout
    source_digest: str
    source_fingerprint: str = ""  # of the source with this digest; empty: every byte is read again
    image: str = ""
    file_pattern: str = ""  # empty: vLLM's own
    max_file_size: int = DEFAULT_MAX_FILE_SIZE  # bytes of tensors in one part
    verification: str = "load"  # digests, load or generate
    deep: bool = False  # read every byte of a published artifact before it is returned
    measure: bool = False  # time the loads of source and shards by a stock vLLM
    attempt: str = ""  # names the staging folder; empty: host and process id
    volume_root: Path | None = None  # paths in the report are relative to it; None: to output
    source_revision: str = ""
    source_repo: str = ""
    source_files: tuple[FileDigest, ...] = ()  # recorded in the manifest if they are known
