"""The part of the status that describes the resolved source, the published artifact and how to serve it."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from shardwright_operator.api.field_types import StatusPart


class ResolvedSource(StatusPart):
    """The source as the last prepare Job resolved it."""

    name: str = Field(
        "", description="Short name of the source: repository and first 8 digits of the commit, or claim and path."
    )
    digest: str = Field(
        description="SHA-256 that names its content: for a source on a claim over the names and SHA-256 digests of its"
        " files, for a repository over its name, the commit and what the Hub states of each file."
    )
    fingerprint: str = Field(
        "",
        description="SHA-256 over the names, sizes and times of its files. While it is unchanged the files are not read"
        " again. Empty if it is unknown.",
    )
    revision: str = Field(description="Commit of the repository; for a source on a claim the digest.")
    path: str = Field(description="Folder of the source, relative to the root of the volume.")
    volume: str = Field(
        description="Volume that holds the source: `source` is the claim of spec.source, `output` that of spec.output."
    )
    bytes: int = Field(0, description="Total size of its files in bytes.")
    files: int = Field(0, description="Number of its files.")
    key: str = Field("", description="Key of the artifact that is made from it, which names the artifact's folder.")
    inputs: str = Field(
        "",
        description="Hash of the settings that it was resolved for. If the spec leads to another one, the source is"
        " resolved again.",
    )
    claim_uid: str = Field("", description="UID of the output claim at the time it was resolved.")


class MeasuredLoad(StatusPart):
    """Load of weights by an unmodified vLLM, with none of the files in the page cache of the node."""

    seconds: float = Field(
        description="Seconds that the slowest rank took: building the model, reading the weights and preparing them for"
        " its kernels. Start of processes, KV cache and compilation are not in it."
    )
    bytes_read: int | None = Field(
        None,
        description="Bytes that all ranks together read from storage. Empty if the node counts none for the file"
        " system, such as a tmpfs.",
    )


class Measured(StatusPart):
    """What an unmodified vLLM took to load the source and the artifact, in the Job that built it; see spec.measure."""

    source: MeasuredLoad = Field(description="Load of the source, with the loader of its own format.")
    shards: MeasuredLoad = Field(description="Load of the artifact, with the loader sharded_state.")


class Artifact(StatusPart):
    """The published artifact."""

    claim_name: str = Field(description="PersistentVolumeClaim that holds it.")
    path: str = Field(description="Folder of the artifact, relative to the root of the volume.")
    key: str = Field("", description="Hash of everything that decides its bytes, and name of its folder.")
    manifest_digest: str = Field(description="SHA-256 of its manifest, the file shardwright.json.")
    source_revision: str = Field("", description="Commit, or digest, of the source that it was made from.")
    bytes: int = Field(description="Total size of its files in bytes.")
    size: str = Field("", description="The same with a binary unit, such as 14.9Gi.")
    files: int = Field(description="Number of its files.")
    tensor_parallel_size: int = Field(
        description="Tensor parallel size that it was saved with. vLLM can only serve it with the same."
    )
    pipeline_parallel_size: int = Field(
        description="Pipeline parallel size that it was saved with. vLLM can only serve it with the same."
    )
    engine_image: str = Field("", description="Container image of the shard Job that saved it.")
    vllm_version: str = Field("", description="Version of vLLM that saved it.")
    accelerator: str = Field("", description="Family of the accelerators that it was saved on.")
    verified_by: str = Field(
        "", description="Level of spec.verification that it has passed: Digests, Load or Generate."
    )
    completed_at: datetime = Field(description="Time at which it was published.")
    inputs: str = Field("", description="Hash of the settings that it was published for.")
    claim_uid: str = Field("", description="UID of the claim that holds it.")
    checked_at: datetime | None = Field(None, description="Time of the last check that found it complete.")
    check_depth: str = Field(
        "",
        description="What that check read: Headers (manifest, file sizes, safetensors headers) or Bytes (every byte,"
        " compared with the manifest).",
    )
    measured: Measured | None = None


class ServingVolume(StatusPart):
    """The volume of a serving pod."""

    claim_name: str = Field(description="Value of persistentVolumeClaim.claimName of the pod's volume.")
    sub_path: str = Field(description="Value of subPath of the volume mount: the folder of the artifact.")
    mount_path: str = Field(description="Value of mountPath of the volume mount: the path that the arguments use.")
    read_only: bool = Field(True, description="Value of readOnly of the volume mount. A server never writes to it.")


class Serving(StatusPart):
    """What a pod needs to serve the artifact with an unmodified vLLM. Empty until it passed spec.verification."""

    EXACT: ClassVar[frozenset[str]] = frozenset({"args"})

    args: list[str] = Field(description="Arguments of `vllm serve`.")
    volume: ServingVolume = Field(description="Volume that the arguments refer to.")
