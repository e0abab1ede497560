"""The part of the spec that says how Jobs run: nothing in it decides an artifact's bytes."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shardwright_operator.api import rules
from shardwright_operator.api.affinity import Affinity
from shardwright_operator.api.field_types import Api, Duration, LabelValue, Name, Quantity, Text, TimeToLive


class Toleration(Api):
    """As in a pod."""

    key: Annotated[str, Field(max_length=317)] = Field("", description="Key of the taint; empty: every key.")
    operator: Literal["Exists", "Equal"] = Field("Equal", description="How value is compared.")
    value: Annotated[str, Field(max_length=63)] = Field("", description="Value of the taint.")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        "", description="Effect of the taint; empty: every effect."
    )
    toleration_seconds: int | None = Field(None, description="How long NoExecute is borne; empty: for ever.")


class EnvVar(Api):
    """A plain environment variable; secrets are not passed this way."""

    model_config = ConfigDict(json_schema_extra=rules.ENV)

    name: Annotated[str, Field(min_length=1, max_length=128)] = Field(description="Name of the variable.")
    value: Annotated[str, Field(max_length=4096)] = Field("", description="Its value.")


class LocalName(Api):
    """The name of an object in the same namespace."""

    name: Name = Field(description="The object.")


class Resources(Api):
    """Requests and limits of the shard Job's container, without accelerators, which are derived."""

    requests: Annotated[dict[str, Quantity], Field(max_length=8)] = Field({}, description="What a node must have free.")
    limits: Annotated[dict[str, Quantity], Field(max_length=8)] = Field(
        {}, description="What it may use at most; memory includes /dev/shm."
    )


class PodSecurityContext(Api):
    """Ids only; everything else is set by the restricted level."""

    run_as_user: Annotated[int, Field(ge=1)] | None = Field(None, description="Empty: 65532.")
    run_as_group: Annotated[int, Field(ge=0)] | None = Field(None, description="Empty: 65532.")
    fs_group: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Group that the volumes are given to, where they allow it. Empty: 65532."
    )
    supplemental_groups: Annotated[list[int], Field(max_length=16)] = Field([], description="Further groups.")


class JobSettings(Api):
    """How the Jobs run; resources are the shard Job's. A change never rebuilds a Ready artifact."""

    model_config = ConfigDict(json_schema_extra=rules.JOB)

    accelerator_resource: Annotated[str, Field(min_length=1, max_length=253)] = Field(
        "nvidia.com/gpu", description="Its count is tensorParallelSize times pipelineParallelSize."
    )
    resources: Resources = Resources()
    node_selector: Annotated[dict[str, LabelValue], Field(max_length=32)] = Field(
        {}, description="Labels that a node must have."
    )
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = Field(
        [], description="Taints of nodes that do not matter."
    )
    affinity: Affinity | None = None
    priority_class_name: Text = Field("", description="Empty: the cluster's default.")
    runtime_class_name: Text = Field("", description="Empty: the node's default.")
    scheduler_name: Text = Field("", description="Empty: the cluster's default.")
    queue_name: Annotated[str, Field(max_length=63)] = Field("", description="Kueue's local queue for both Jobs.")
    image_pull_secrets: Annotated[list[LocalName], Field(max_length=8, json_schema_extra=rules.BY_NAME)] = Field(
        [], description="Secrets with passwords of image registries."
    )
    env: Annotated[list[EnvVar], Field(max_length=32, json_schema_extra=rules.BY_NAME)] = Field(
        [],
        description="Environment of the workers, such as the address of a proxy. Names that decide which code runs or"
        " what the shards hold, or that the operator sets itself, are refused.",
    )
    pod_security_context: PodSecurityContext = PodSecurityContext()
    deadline: Duration = Field("2h", description="How long each Job may take, time spent waiting for a node included.")
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        3, description="Disruptions, and what never ran, do not count."
    )
    ttl_after_finished: TimeToLive = Field(
        "1h", description="When a Job that has ended is removed, with its log; at least 1m."
    )
