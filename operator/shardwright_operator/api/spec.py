"""What a user writes: the spec of a ShardedCheckpoint as frozen types."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shardwright_operator.api import rules
from shardwright_operator.api.field_types import Api, Duration, Name, Pattern, Size, Text
from shardwright_operator.api.job_settings import JobSettings
from shardwright_worker.contract.engine_settings import EngineSettings


class SecretKey(Api):
    """A key of a Secret in the resource's namespace."""

    name: Name = Field(description="The Secret.")
    key: Name = Field(description="The key in it.")


class HuggingFace(Api):
    """A repository on the Hugging Face hub, or on a server that speaks its protocol."""

    repo: Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=rules.REPO)] = Field(
        description="The repository, as org/model."
    )
    revision: Annotated[str, Field(max_length=200)] = Field(
        "main", description="Branch, tag or commit; resolved to a commit once."
    )
    token_secret_ref: SecretKey | None = Field(None, description="Mounted into the prepare pod only.")
    endpoint: Annotated[str, Field(max_length=512, json_schema_extra=rules.ENDPOINT)] = Field(
        "", description="Empty: the public hub."
    )
    include: Annotated[list[Pattern], Field(max_length=32)] = Field(
        [], description="Globs of files to fetch; empty: a sensible selection."
    )
    exclude: Annotated[list[Pattern], Field(max_length=32)] = Field([], description="Globs of files to leave out.")


class SourceClaim(Api):
    """A folder on an existing PersistentVolumeClaim, mounted read-only."""

    claim_name: Name = Field(description="A PersistentVolumeClaim in the resource's namespace.")
    path: Annotated[str, Field(max_length=512, json_schema_extra=rules.SOURCE_PATH)] = Field(
        "", description="Folder of the checkpoint in the volume; empty: its root."
    )


class Source(Api):
    """Where the checkpoint is: exactly one of the two."""

    model_config = ConfigDict(json_schema_extra=rules.SOURCE)

    hugging_face: HuggingFace | None = None
    persistent_volume_claim: SourceClaim | None = None


class Engine(Api):
    """What decides the bytes; names and meanings are vLLM's."""

    image: Annotated[str, Field(max_length=512)] = Field(
        "", description="Empty: the operator's default, kept in status once resolved."
    )
    tensor_parallel_size: Annotated[int, Field(ge=1, le=1024)] = Field(1, description="Ranks a layer is split over.")
    pipeline_parallel_size: Annotated[int, Field(ge=1, le=1024)] = Field(1, description="Ranks layers are dealt to.")
    enable_expert_parallel: bool = Field(False, description="Each rank holds whole experts instead of slices of all.")
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] = Field(
        "auto", description="Type of the weights; auto: as the model says."
    )
    quantization: Annotated[str, Field(max_length=64, json_schema_extra=rules.QUANTIZATION)] = Field(
        "", description="Empty: as the model's files say."
    )
    trust_remote_code: bool = Field(False, description="Run Python code that comes with the model.")
    hf_overrides: Annotated[str, Field(max_length=8192, json_schema_extra=rules.OVERRIDES)] = Field(
        "", description="JSON object, as text."
    )
    extra_args: Annotated[
        dict[str, Annotated[str, Field(max_length=1024)]], Field(max_length=16, json_schema_extra=rules.EXTRA_ARGS)
    ] = Field({}, description="Further vLLM engine arguments, snake_case name to value.")

    def settings(self) -> EngineSettings:
        """The same settings as the worker reads them."""
        return EngineSettings.model_validate(self.model_dump(exclude={"image"}))


class ClaimTemplate(Api):
    """A claim that the operator creates."""

    model_config = ConfigDict(json_schema_extra=rules.CREATE)

    storage_class_name: Text = Field("", description="Empty: the cluster's default class.")
    size: Size = Field(description="Room for the artifacts and, with a source on a hub, for what is fetched.")
    access_modes: Annotated[
        list[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"]],
        Field(min_length=1, max_length=3, json_schema_extra=rules.SET),
    ] = Field(["ReadWriteOnce"], description="Empty: ReadWriteOnce.")
    when_deleted: Literal["Retain", "Delete"] = Field(
        "Retain", description="What becomes of the claim when the resource is deleted."
    )


class OutputClaim(Api):
    """The claim that holds the artifacts."""

    claim_name: Name = Field(description="A PersistentVolumeClaim in the resource's namespace.")
    create: ClaimTemplate | None = Field(
        None, description="Given: the operator creates the claim if it does not exist."
    )


class Output(Api):
    """Where the artifacts go."""

    model_config = ConfigDict(json_schema_extra=rules.OUTPUT)

    persistent_volume_claim: OutputClaim
    path: Annotated[str, Field(max_length=512, json_schema_extra=rules.OUTPUT_PATH)] = Field(
        "", description="Folder in the volume; empty: `<namespace>/<name>`. Leave it to one resource alone."
    )
    max_file_size: Size = Field("5Gi", description="A rank's weights are split into files of at most this size.")
    file_pattern: Annotated[str, Field(max_length=200, json_schema_extra=rules.FILE_PATTERN)] = Field(
        "", description="vLLM's pattern with {rank}, {tp_rank}, {pp_rank}, {part}; empty: vLLM's default."
    )
    history_limit: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="Artifacts to keep, the published one included; empty: all."
    )


class Recheck(Api):
    """A periodic look at the published artifact: manifest, sizes and headers, and the source by names, sizes, times."""

    interval: Duration = Field(description="Time between two looks.")
    deep: bool = Field(
        False, description="Read every byte of the artifact and compare it with the manifest, on request, too."
    )
    rebuild: bool = Field(False, description="Build it anew when it is damaged or gone.")


class Spec(Api):
    """A model and how it will be served."""

    model_config = ConfigDict(json_schema_extra=rules.SPEC)

    source: Source
    engine: Engine = Engine()
    output: Output
    verification: Literal["Digests", "Load", "Generate"] = Field(
        "Load",
        description="Digests: read the bytes again. Load: load them with a stock vLLM and compare every weight. "
        "Generate: compare what it writes, too.",
    )
    recheck: Recheck | None = None
    job: JobSettings = JobSettings()
    suspend: bool = Field(False, description="Start no further Job; one that runs goes on.")
