"""The manifest of an artifact: what it was made from, every file and tensor in it, and how it was proven."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.levels import Level
from shardwright_worker.contract.model import Count, Fact, Key, Wire, bounded, seconds
from shardwright_worker.contract.naming import FORMAT_VERSION


def _durations(values: Any) -> dict[str, float]:
    return bounded(values, seconds, 32)


class FileDigest(Wire):
    """A file by its name relative to its folder, size in bytes and SHA-256 in hex."""

    name: str
    size: Count
    sha256: str


class Source(Wire):
    """Where the weights came from. `digest` is over the files; `revision` is a commit or the digest again."""

    digest: str
    revision: Fact = ""
    repo: str = ""
    files: list[FileDigest] = Field(default_factory=list)


class Engine(Wire):
    """What wrote the bytes: settings, versions, image and accelerator family."""

    settings: EngineSettings
    image: str = ""
    vllm_version: str
    torch_version: str
    transformers_version: str = ""
    safetensors_version: str = ""
    accelerator: str
    dtype: str
    quantization: str = ""
    moe_backend: str = ""
    linear_backend: str = ""


class Tensor(Wire):
    """One tensor of a part. `xxh3` is XXH3-128 of its bytes in hex."""

    name: str
    dtype: str
    shape: list[Count]
    xxh3: str


class Part(Wire):
    """One safetensors file of one rank."""

    file: str
    rank: Count
    tp_rank: Count
    pp_rank: Count
    part: Count
    size: Count
    sha256: str
    tensors: list[Tensor]


class Verification(Wire):
    """How the artifact was proven. `runtime_digests` maps rank to a digest of its weights as the engine runs them."""

    level: Level
    vllm_version: str = ""
    runtime_digests: dict[str, str] = Field(default_factory=dict)
    tensors: Count = 0
    tokens: list[list[int]] = Field(default_factory=list)


class Manifest(Wire):
    """`shardwright.json`. `key` names the artifact's folder."""

    schema_version: Count = FORMAT_VERSION
    key: Key
    created_at: str
    source: Source
    engine: Engine
    file_pattern: str
    max_file_size: Count
    parts: list[Part]
    metadata: list[FileDigest]
    verification: Verification
    durations: Annotated[dict[str, float], BeforeValidator(_durations)] = Field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size of all parts and metadata files."""
        return sum(part.size for part in self.parts) + sum(file.size for file in self.metadata)

    @property
    def files(self) -> int:
        """Number of parts and metadata files."""
        return len(self.parts) + len(self.metadata)
