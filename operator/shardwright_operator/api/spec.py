"""The spec of a ShardedCheckpoint as frozen types: what a user writes."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shardwright_operator.api import rules
from shardwright_operator.api.cel import SET
from shardwright_operator.api.engine_spec import EngineSpec
from shardwright_operator.api.field_types import Api, Duration, Name, Size, Text
from shardwright_operator.api.job_settings import JobSettings
from shardwright_operator.api.source_spec import SourceSpec


class ClaimTemplate(Api):
    """A PersistentVolumeClaim that the operator creates. It cannot be changed later."""

    model_config = ConfigDict(json_schema_extra=rules.CREATE)

    storage_class_name: Text = Field("", description="StorageClass of the claim. Empty: the cluster's default.")
    size: Size = Field(
        description="Requested storage, such as 200Gi: enough for the artifacts and, with a source on the Hub, for the"
        " downloaded files."
    )
    access_modes: Annotated[
        list[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"]],
        Field(min_length=1, max_length=3, json_schema_extra=SET),
    ] = Field(
        ["ReadWriteOnce"],
        description="Access modes of the claim. ReadWriteOnce: pods of one node. ReadWriteMany: pods of all nodes."
        " ReadWriteOncePod: one pod. Empty: ReadWriteOnce.",
    )
    when_deleted: Literal["Retain", "Delete"] = Field(
        "Retain",
        description="What happens to the claim when the resource is deleted. Retain: it stays with everything on it."
        " Delete: it is deleted with the resource.",
    )


class OutputClaim(Api):
    """The PersistentVolumeClaim that the artifacts are written to."""

    claim_name: Name = Field(
        description="Name of a PersistentVolumeClaim in the resource's namespace. It cannot be changed later."
    )
    create: ClaimTemplate | None = Field(
        None,
        description="How the operator creates the claim if it does not exist. Empty: the operator waits for the claim.",
    )


class Output(Api):
    """Where the artifacts are written, and how they are cut into files."""

    model_config = ConfigDict(json_schema_extra=rules.OUTPUT)

    persistent_volume_claim: OutputClaim
    path: Annotated[str, Field(max_length=512, json_schema_extra=rules.OUTPUT_PATH)] = Field(
        "",
        description="Folder of the artifacts, relative to the root of the volume. No two resources may share a folder,"
        " or have one inside the other. It cannot be changed later. Empty: `<namespace>/<name>`.",
    )
    max_file_size: Size = Field(
        "5Gi",
        description="Maximum size of one file of a rank's weights. A larger tensor has a file of its own. A change"
        " builds another artifact.",
    )
    file_pattern: Annotated[str, Field(max_length=200, json_schema_extra=rules.FILE_PATTERN)] = Field(
        "",
        description="Names of the weight files, with the fields {rank}, {tp_rank}, {pp_rank} and {part}. A server needs"
        " the same. Empty: vLLM's default for the parallel sizes.",
    )
    history_limit: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None,
        description="Maximum number of artifacts to keep in the folder, the published one included. Older artifacts"
        " that no pod mounts are removed. Default: all are kept.",
    )


class Recheck(Api):
    """Periodic check of the published artifact and of its source. Default: there is none."""

    interval: Duration = Field(description="Time between two checks, such as 24h or 1h30m.")
    deep: bool = Field(
        False,
        description="Whether a check reads every byte of the artifact and compares it with the manifest (true), or only"
        " manifest, file sizes and safetensors headers (false). It also applies to checks that are requested.",
    )
    rebuild: bool = Field(
        False,
        description="Whether a damaged or missing artifact is built again (true), or the resource is Stalled until the"
        " user acts (false).",
    )


class Spec(Api):
    """Desired state: which checkpoint to save as shards, for which engine, where, and how it is verified."""

    model_config = ConfigDict(json_schema_extra=rules.SPEC)

    source: SourceSpec
    engine: EngineSpec = EngineSpec()
    output: Output
    verification: Literal["Digests", "Load", "Generate"] = Field(
        "Load",
        description="What must succeed before the artifact is Ready. Digests: all files are read again and compared"
        " with the digests of what was written. Load: vLLM also loads the artifact, and every weight equals the"
        " source's. Generate: both also generate the same tokens.",
    )
    measure: bool = Field(
        False,
        description="Whether the shard Job also measures what an unmodified vLLM takes to load the source and to load"
        " the shards, into status.artifact.measured. It loads both once more, after the publication, with the page"
        " cache of their files dropped, and holds the accelerators meanwhile. It does not change the artifact, and a"
        " measurement that fails is left out. An artifact that is published already is not measured until it is built"
        " again.",
    )
    recheck: Recheck | None = None
    job: JobSettings = JobSettings()
    suspend: bool = Field(
        False, description="Whether the operator starts no further Jobs. A pod that is running is not stopped."
    )
