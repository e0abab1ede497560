"""The part of the spec that says how Jobs run. Nothing in it decides what an artifact holds."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shardwright_operator.api import job_rules
from shardwright_operator.api.affinity import Affinity
from shardwright_operator.api.cel import BY_NAME
from shardwright_operator.api.field_types import Api, Duration, LabelValue, Name, Quantity, Text, TimeToLive


class Toleration(Api):
    """A toleration of a pod: taints that do not keep the pod from a node."""

    model_config = ConfigDict(json_schema_extra=job_rules.TOLERATION)

    key: Annotated[str, Field(max_length=317)] = Field("", description="Key of the taint. Empty: every key.")
    operator: Literal["Exists", "Equal"] = Field(
        "Equal", description="Equal: the taint must have this value. Exists: its value does not matter."
    )
    value: Annotated[str, Field(max_length=63)] = Field("", description="Value of the taint, for Equal.")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        "", description="Effect of the taint. Empty: every effect."
    )
    toleration_seconds: int | None = Field(
        None, description="Seconds that the pod stays on a node with a NoExecute taint. Empty: without limit."
    )


class EnvVar(Api):
    """An environment variable with a plain value. Secrets are not passed this way."""

    model_config = ConfigDict(json_schema_extra=job_rules.ENV)

    name: Annotated[str, Field(min_length=1, max_length=128)] = Field(description="Name of the variable.")
    value: Annotated[str, Field(max_length=4096)] = Field("", description="Value of the variable. Default: empty.")


class LocalName(Api):
    """An object in the resource's namespace."""

    name: Name = Field(description="Name of the object.")


class Resources(Api):
    """Resources of the shard Job's container, without accelerators, whose number follows from spec.engine.

    Default: none. The prepare Job has fixed resources.
    """

    requests: Annotated[dict[str, Quantity], Field(max_length=8)] = Field(
        {}, description="Resources that the node must have available, such as memory: 64Gi."
    )
    limits: Annotated[dict[str, Quantity], Field(max_length=8)] = Field(
        {}, description="Maximum that the container may use. What is in /dev/shm counts as memory."
    )


class PodSecurityContext(Api):
    """User and groups of the Jobs' pods. The rest of the security context is fixed by the restricted profile."""

    run_as_user: Annotated[int, Field(ge=1)] | None = Field(
        None, description="User id of the processes; not root. Default: 65532."
    )
    run_as_group: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Primary group id of the processes. Default: 65532."
    )
    fs_group: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Group id that owns the volumes, on volumes that support it. Default: 65532."
    )
    supplemental_groups: Annotated[list[int], Field(max_length=16)] = Field(
        [], description="Further group ids of the processes. Default: none."
    )


class JobSettings(Api):
    """How the Jobs run. A change replaces Jobs that have not started, and never rebuilds a Ready artifact."""

    model_config = ConfigDict(json_schema_extra=job_rules.JOB)

    accelerator_resource: Annotated[str, Field(min_length=1, max_length=253)] = Field(
        "nvidia.com/gpu",
        description="Resource name of the accelerators. The shard Job requests tensorParallelSize times"
        " pipelineParallelSize of them.",
    )
    resources: Resources = Resources()
    node_selector: Annotated[dict[str, LabelValue], Field(max_length=32)] = Field(
        {}, description="Labels that a node must have, with their values. Default: none."
    )
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = Field(
        [], description="Taints of nodes that the pods tolerate. Default: none."
    )
    affinity: Affinity | None = None
    priority_class_name: Text = Field("", description="PriorityClass of the pods. Empty: the cluster's default.")
    runtime_class_name: Text = Field("", description="RuntimeClass of the pods. Empty: the node's default.")
    scheduler_name: Text = Field("", description="Scheduler of the pods. Empty: the cluster's default.")
    queue_name: Annotated[str, Field(max_length=63)] = Field(
        "",
        description="LocalQueue of Kueue that both Jobs are submitted to. They are created suspended, and Kueue admits"
        " them. Empty: the Jobs start at once.",
    )
    image_pull_secrets: Annotated[list[LocalName], Field(max_length=8, json_schema_extra=BY_NAME)] = Field(
        [], description="Secrets with credentials of image registries. Default: none."
    )
    env: Annotated[list[EnvVar], Field(max_length=32, json_schema_extra=BY_NAME)] = Field(
        [],
        description="Further environment variables of both Jobs, such as HTTPS_PROXY. Names that decide which code runs"
        " or what the shards hold, or that the operator sets itself, are rejected. Default: none.",
    )
    pod_security_context: PodSecurityContext = PodSecurityContext()
    deadline: Duration = Field(
        "2h", description="Maximum duration of each Job, the time spent waiting for a node included."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        3,
        description="Maximum number of failed attempts before the resource is Stalled. Disruptions, and pods that never"
        " ran, are not counted.",
    )
    ttl_after_finished: TimeToLive = Field(
        "1h", description="Time after which a finished Job is deleted, with its pod and log. At least 1m."
    )
