"""The manifest of an artifact: its source, engine, files and tensors, and the proof of its verification."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from shardwright_worker.contract.bounded_types import Fact, Key, Wire, bounded, otherwise, seconds
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.measured import Measured
from shardwright_worker.contract.naming import FORMAT_VERSION, artifact_key
from shardwright_worker.contract.verification_levels import Level

# Any process that can write to the volume can write a manifest, so its values are bounded.
MANIFEST_LIMIT = 64 * 1024**2  # bytes
Size = Annotated[int, Field(ge=0, le=2**50)]
Number = Annotated[int, Field(ge=0, le=2**20)]
Short = Annotated[str, Field(max_length=256)]
Text = Annotated[str, Field(max_length=4096)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


def _durations(values: Any) -> dict[str, float]:
    return bounded(values, seconds, 32)


class FileDigest(Wire):
    """A file: name relative to its folder, size in bytes, SHA-256 in hex."""

    name: Text
    size: Size
    sha256: Short


class Source(Wire):
    """The source of the weights. `digest` is over its files; `revision` is a commit, or the digest again."""

    digest: Short
    revision: Fact = ""
    repo: Text = ""
    files: list[FileDigest] = Field(default_factory=list)


class Engine(Wire):
    """The engine that wrote the bytes: settings, versions, image and accelerator."""

    settings: EngineSettings
    image: Text = ""
    vllm_version: Short
    torch_version: Short
    transformers_version: Short = ""
    safetensors_version: Short = ""
    accelerator: Short
    dtype: Short
    quantization: Short = ""
    moe_backend: Short = ""
    linear_backend: Short = ""


class Tensor(Wire):
    """One tensor of a part. `xxh3` is XXH3-128 of its bytes in hex."""

    name: Text
    dtype: Short
    shape: Annotated[list[Size], Field(max_length=64)]
    xxh3: Short


class Part(Wire):
    """One safetensors file of one rank."""

    file: Text
    rank: Number
    tp_rank: Number
    pp_rank: Number
    part: Number
    size: Size
    sha256: Short
    tensors: list[Tensor]


class Verification(Wire):
    """The proof of an artifact. `runtime_digests` maps a rank to a digest of its weights as the engine runs them.

    `tensors`: tensors whose bytes the proof covers; at level Digests they are covered by the SHA-256 of their files.
    `tokens`, `logprobs`: per prompt, from greedy decoding; `vectors`: per prompt, the first numbers of a pooling model.
    """

    level: Level
    vllm_version: Short = ""
    runtime_digests: dict[Short, Short] = Field(default_factory=dict)
    tensors: Size = 0
    tokens: list[list[Size]] = Field(default_factory=list)
    logprobs: list[list[Finite]] = Field(default_factory=list)
    vectors: list[list[Finite]] = Field(default_factory=list)


class Manifest(Wire):
    """The content of `shardwright.json`. `key` is the name of the artifact's folder."""

    schema_version: int = FORMAT_VERSION
    key: Key
    created_at: Short
    source: Source
    engine: Engine
    file_pattern: Text
    max_file_size: Size
    parts: Annotated[list[Part], Field(max_length=2**20)]
    metadata: Annotated[list[FileDigest], Field(max_length=2**20)]
    verification: Verification
    duration_seconds: Annotated[dict[str, float], BeforeValidator(_durations)] = Field(default_factory=dict)
    measured: Annotated[Measured | None, otherwise(None)] = None

    @property
    def bytes(self) -> int:
        """Size of all parts and metadata files."""
        return sum(part.size for part in self.parts) + sum(file.size for file in self.metadata)

    @property
    def files(self) -> int:
        """Number of parts and metadata files."""
        return len(self.parts) + len(self.metadata)

    def may_have_key(self, key: str) -> bool:
        """Return whether this is a key of the manifest's source, settings, image, pattern and part size."""
        engine = self.engine
        # prepare may have run without an image and without vLLM, and the key has neither then.
        versions = (engine.vllm_version,) if engine.image else (engine.vllm_version, "")
        facts = self.source.digest, engine.settings, engine.image, self.file_pattern, self.max_file_size
        try:
            return key in {artifact_key(*facts, version) for version in versions}
        except (ValueError, RecursionError):  # overrides that are not JSON
            return False
