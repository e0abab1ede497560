"""What the operator creates is taken by a real API server: no unknown field, and at the restricted level."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_operator.api.spec import ClaimTemplate, Spec
from shardwright_operator.decide.job_request import Pruning
from shardwright_operator.decide.plan import CreateClaim
from shardwright_operator.manifests.job import build_job
from shardwright_operator.manifests.output_claim import build_claim
from tests.api.admission_cases import RIGHT
from tests.api.conftest import refusal
from tools.control_plane.control_plane import ControlPlane
from tools.testing.checkpoints import manifest
from tools.testing.job_requests import facts_of, prepare_request, shard_request
from tools.testing.namespace import Namespace

SPECS = pytest.mark.parametrize("parts", RIGHT, ids=lambda parts: " ".join(parts) or "plain")


@pytest.fixture(scope="module")
def restricted(served: ControlPlane) -> Namespace:
    """A namespace that takes no pod that may do more than the restricted level allows."""
    namespace = Namespace(served.api, claims=())
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    path = f"/api/v1/namespaces/{namespace.name}"
    served.api.call("PATCH", path, {"metadata": {"labels": label}}, "application/merge-patch+json")
    classes = "/apis/scheduling.k8s.io/v1/priorityclasses/high"
    served.api.apply(
        classes,
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1},
    )
    runtime = "/apis/node.k8s.io/v1/runtimeclasses/nvidia"
    served.api.apply(
        runtime,
        {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}, "handler": "nvidia"},
    )
    return namespace


def _spec(parts: dict[str, Any]) -> Spec:
    spec = manifest("tried", **parts)["spec"]
    return Spec.model_validate({name: value for name, value in spec.items() if value is not None})


@SPECS
@pytest.mark.parametrize("stage", ["Prepare", "Shard"])
def test_jobs_and_their_pods_are_accepted(restricted: Namespace, stage: str, parts: dict[str, Any]) -> None:
    facts, spec = facts_of(stage, restricted.name, "tried"), _spec(parts)
    pruning = Pruning(1, ("k2",), until=0)
    prepares = stage == "Prepare"
    job = build_job(prepare_request(spec, facts, pruning=pruning) if prepares else shard_request(spec, facts))
    assert refusal(restricted, "POST", restricted.path("jobs"), job) == ""
    template = job["spec"]["template"]
    pod = {"metadata": {**template["metadata"], "name": "tried"}, "spec": template["spec"]}
    assert refusal(restricted, "POST", restricted.path("pods"), pod) == ""


def test_the_restricted_level_is_on(restricted: Namespace) -> None:
    pod = {"metadata": {"name": "free"}, "spec": {"containers": [{"name": "main", "image": "x"}]}}
    assert "restricted" in refusal(restricted, "POST", restricted.path("pods"), pod)


@pytest.mark.parametrize("when_deleted", ["Retain", "Delete"])
def test_claims_are_accepted(restricted: Namespace, when_deleted: str) -> None:
    template = ClaimTemplate.model_validate({"size": "40Gi", "storageClassName": "fast"})
    owned = when_deleted == "Delete"
    claim = build_claim(CreateClaim(restricted.name, "tried", "uid-1", "new", template, owned))
    assert refusal(restricted, "POST", restricted.path("persistentvolumeclaims"), claim) == ""
