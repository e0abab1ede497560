"""What a user writes: the spec of a ShardedCheckpoint as frozen types."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shardwright_operator.api import rules
from shardwright_worker.contract.engine import EngineSettings

Name = Annotated[str, Field(min_length=1, max_length=253)]
Text = Annotated[str, Field(max_length=253)]
Size = Annotated[str, Field(max_length=32, json_schema_extra=rules.SIZE)]
Quantity = Annotated[str, Field(max_length=32, json_schema_extra=rules.QUANTITY)]
Duration = Annotated[str, Field(max_length=16, json_schema_extra=rules.DURATION)]
Pattern = Annotated[str, Field(max_length=200)]


class Api(BaseModel):
    """A frozen API type: camelCase on the wire, fields of a newer version ignored when read."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class SecretKey(Api):
    """A key of a Secret in the resource's namespace."""

    name: Name
    key: Name


class HuggingFace(Api):
    """A repository on the Hugging Face hub, or on a server that speaks its protocol."""

    repo: Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=rules.REPO)]
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

    claim_name: Name
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
    tensor_parallel_size: Annotated[int, Field(ge=1, le=1024)] = 1
    pipeline_parallel_size: Annotated[int, Field(ge=1, le=1024)] = 1
    enable_expert_parallel: bool = False
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] = "auto"
    quantization: Annotated[str, Field(max_length=64, json_schema_extra=rules.QUANTIZATION)] = ""
    trust_remote_code: bool = False
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
    size: Size
    access_modes: Annotated[
        list[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"]],
        Field(min_length=1, max_length=3, json_schema_extra=rules.SET),
    ] = ["ReadWriteOnce"]
    when_deleted: Literal["Retain", "Delete"] = Field(
        "Retain", description="What becomes of the claim when the resource is deleted."
    )


class OutputClaim(Api):
    """The claim that holds the artifacts."""

    claim_name: Name
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
    max_shard_size: Size = "5Gi"
    file_pattern: Annotated[str, Field(max_length=200, json_schema_extra=rules.FILE_PATTERN)] = Field(
        "", description="vLLM's pattern with {rank}, {tp_rank}, {pp_rank}, {part}; empty: vLLM's default."
    )
    keep: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="Artifacts to keep, the published one included; empty: all."
    )


class Toleration(Api):
    """As in a pod."""

    key: Annotated[str, Field(max_length=317)] = ""
    operator: Literal["Exists", "Equal"] = "Equal"
    value: Annotated[str, Field(max_length=63)] = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    toleration_seconds: int | None = None


class EnvVar(Api):
    """A plain environment variable; secrets are not passed this way."""

    model_config = ConfigDict(json_schema_extra=rules.ENV)

    name: Annotated[str, Field(min_length=1, max_length=128)]
    value: Annotated[str, Field(max_length=4096)] = ""


class LocalName(Api):
    """The name of an object in the same namespace."""

    name: Name


class Resources(Api):
    """Requests and limits of the worker's container, without accelerators, which are derived."""

    requests: Annotated[dict[str, Quantity], Field(max_length=8)] = {}
    limits: Annotated[dict[str, Quantity], Field(max_length=8)] = {}


class PodSecurityContext(Api):
    """Ids only; everything else is set by the restricted level."""

    run_as_user: Annotated[int, Field(ge=1)] | None = None
    run_as_group: Annotated[int, Field(ge=0)] | None = None
    fs_group: Annotated[int, Field(ge=0)] | None = None
    supplemental_groups: Annotated[list[int], Field(max_length=16)] = []


class NodeSelectorRequirement(Api):
    """As in a pod's node affinity."""

    key: Annotated[str, Field(max_length=317)]
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: Annotated[list[Annotated[str, Field(max_length=63)]], Field(max_length=64)] = []


class Affinity(Api):
    """Required node affinity: every requirement must hold."""

    node_requirements: Annotated[list[NodeSelectorRequirement], Field(max_length=16)] = []


class JobSettings(Api):
    """How the Jobs run. A change never rebuilds a Ready artifact."""

    model_config = ConfigDict(json_schema_extra=rules.JOB)

    accelerator_resource: Annotated[str, Field(max_length=253)] = "nvidia.com/gpu"
    resources: Resources = Resources()
    node_selector: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=32)] = {}
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = []
    affinity: Affinity | None = None
    priority_class_name: Text = ""
    runtime_class_name: Text = ""
    scheduler_name: Text = ""
    queue_name: Annotated[str, Field(max_length=63)] = Field("", description="Kueue's local queue for the shard Job.")
    image_pull_secrets: Annotated[list[LocalName], Field(max_length=8, json_schema_extra=rules.BY_NAME)] = []
    env: Annotated[list[EnvVar], Field(max_length=32, json_schema_extra=rules.BY_NAME)] = []
    pod_security_context: PodSecurityContext = PodSecurityContext()
    deadline: Duration = "2h"
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    ttl_after_finished: Duration = "1h"


class Recheck(Api):
    """A periodic look at the published artifact."""

    interval: Duration
    rebuild: bool = Field(False, description="Build it anew when it is damaged or gone.")


class Spec(Api):
    """A model and how it will be served."""

    model_config = ConfigDict(json_schema_extra=rules.SPEC)

    source: Source
    engine: Engine = Engine()
    output: Output
    verification: Literal["Digests", "Load", "Generate"] = "Load"
    recheck: Recheck | None = None
    job: JobSettings = JobSettings()
    suspend: bool = False
