"""Kubernetes' own affinity of a pod, with its descriptions and with the rules that the API server has for pods.

The API server checks the affinity of a pod template when the Job is created. With the rules here an invalid affinity is
rejected together with the resource. Fields and rules are those of
https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/api/core/v1/types.go and
https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/apis/core/validation/validation.go.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shardwright_operator.api.cel import rule, rules
from shardwright_operator.api.field_types import Api, LabelKey, LabelValue

_MOST_TERMS, _MOST_VALUES = 16, 64
_VALUES = "(has(self.values) ? size(self.values) : 0)"
_IN = rule(f"!(self.operator in ['In', 'NotIn']) || {_VALUES} > 0", "values must not be empty for In and NotIn")
_EXISTS = rule(
    f"!(self.operator in ['Exists', 'DoesNotExist']) || {_VALUES} == 0",
    "values must be empty for Exists and DoesNotExist",
)
_COMPARE = rule(
    f"!(self.operator in ['Gt', 'Lt']) || {_VALUES} == 1", "values must hold exactly one integer for Gt and Lt"
)
_LABEL_KEYS = tuple(
    rule(f"!has(self.{name}) || has(self.labelSelector)", f"{name} needs labelSelector")
    for name in ("matchLabelKeys", "mismatchLabelKeys")
)
Values = Annotated[list[LabelValue], Field(max_length=_MOST_VALUES)]
Weight = Annotated[int, Field(ge=1, le=100)]
Keys = Annotated[list[LabelKey], Field(max_length=_MOST_TERMS)]


class LabelSelectorRequirement(Api):
    """A requirement on one label."""

    model_config = ConfigDict(json_schema_extra=rules(_IN, _EXISTS))

    key: LabelKey = Field(description="Label key that the requirement applies to.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="Relation of the label to values: it has one of them (In), none of them (NotIn), or the label is"
        " present (Exists) or absent (DoesNotExist) whatever its value."
    )
    values: Values = Field([], description="Not empty for In and NotIn, empty for Exists and DoesNotExist.")


class LabelSelector(Api):
    """A query over labels. All its requirements must hold. An empty selector matches everything."""

    match_labels: Annotated[dict[str, LabelValue], Field(max_length=_MOST_TERMS)] | None = Field(
        None, description="Labels that must be present with exactly these values."
    )
    match_expressions: Annotated[list[LabelSelectorRequirement], Field(max_length=_MOST_TERMS)] | None = Field(
        None, description="Further requirements on labels."
    )


class NodeSelectorRequirement(Api):
    """A requirement on one label of a node."""

    model_config = ConfigDict(json_schema_extra=rules(_IN, _EXISTS, _COMPARE))

    key: LabelKey = Field(description="Label key that the requirement applies to.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(
        description="Relation of the label to values: it has one of them (In), none of them (NotIn), the label is"
        " present (Exists) or absent (DoesNotExist), or it is an integer greater (Gt) or less (Lt) than the value."
    )
    values: Values = Field(
        [], description="Not empty for In and NotIn, empty for Exists and DoesNotExist, one integer for Gt and Lt."
    )


class NodeFieldRequirement(Api):
    """A requirement on the name of a node, the only field that Kubernetes selects nodes by."""

    key: Literal["metadata.name"] = Field(description="Field that the requirement applies to.")
    operator: Literal["In", "NotIn"] = Field(description="Whether the name must be the value (In) or not (NotIn).")
    values: Annotated[list[Annotated[str, Field(max_length=253)]], Field(min_length=1, max_length=1)] = Field(
        description="One name of a node."
    )


class NodeSelectorTerm(Api):
    """Requirements on a node that must all hold. An empty term matches no node."""

    match_expressions: Annotated[list[NodeSelectorRequirement], Field(max_length=_MOST_TERMS)] = Field(
        [], description="Requirements on the node's labels."
    )
    match_fields: Annotated[list[NodeFieldRequirement], Field(max_length=_MOST_TERMS)] = Field(
        [], description="Requirements on the node's fields."
    )


class NodeSelector(Api):
    """Terms of which at least one must match the node."""

    node_selector_terms: Annotated[list[NodeSelectorTerm], Field(min_length=1, max_length=_MOST_TERMS)] = Field(
        description="The terms are ORed."
    )


class PreferredSchedulingTerm(Api):
    """A preference with a weight."""

    weight: Weight = Field(description="Weight that a matching node is given, 1 to 100.")
    preference: NodeSelectorTerm = Field(description="The term that a node should match.")


class NodeAffinity(Api):
    """Rules about the node that a pod is scheduled to."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = Field(
        None, description="The pod is only scheduled to a node that matches. Not checked again once it runs."
    )
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[PreferredSchedulingTerm], Field(max_length=_MOST_TERMS)
    ] = Field([], description="The scheduler prefers the node with the greatest sum of the weights that match.")


class PodAffinityTerm(Api):
    """Pods, and the topology domain that is shared with them (affinity) or not (anti-affinity)."""

    model_config = ConfigDict(json_schema_extra=rules(*_LABEL_KEYS))

    topology_key: LabelKey = Field(
        description="Node label whose value names the domain, such as kubernetes.io/hostname."
    )
    label_selector: LabelSelector | None = Field(None, description="Pods to consider. Without it no pod matches.")
    namespaces: Annotated[list[Annotated[str, Field(max_length=63)]], Field(max_length=_MOST_TERMS)] = Field(
        [], description="Namespaces of these pods, besides those of namespaceSelector. Both empty: the pod's own."
    )
    namespace_selector: LabelSelector | None = Field(
        None, description="Namespaces of these pods, by label. An empty selector matches all namespaces."
    )
    match_label_keys: Keys = Field(
        [], description="Labels in which these pods must equal the pod that is scheduled. Needs labelSelector."
    )
    mismatch_label_keys: Keys = Field(
        [], description="Labels in which these pods must differ from the pod that is scheduled. Needs labelSelector."
    )


class WeightedPodAffinityTerm(Api):
    """A term with a weight."""

    weight: Weight = Field(description="Weight that a matching node is given, 1 to 100.")
    pod_affinity_term: PodAffinityTerm = Field(description="The term that a node should match.")


class PodAffinity(Api):
    """Rules about other pods in the same topology domain, such as a node or a zone."""

    required_during_scheduling_ignored_during_execution: Annotated[
        list[PodAffinityTerm], Field(max_length=_MOST_TERMS)
    ] = Field([], description="The pod is only scheduled where all terms hold. Not checked again once it runs.")
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[WeightedPodAffinityTerm], Field(max_length=_MOST_TERMS)
    ] = Field([], description="The scheduler prefers the node with the greatest sum of the weights that hold.")


class Affinity(Api):
    """Affinity of the pods of both Jobs, in Kubernetes' own type. Default: none."""

    node_affinity: NodeAffinity | None = Field(None, description="Which nodes the pod may or should run on.")
    pod_affinity: PodAffinity | None = Field(None, description="Which other pods it must or should run close to.")
    pod_anti_affinity: PodAffinity | None = Field(
        None, description="Which other pods it must or should keep away from."
    )
