"""An admission policy injects a container before the worker: its exit is not taken for that of the worker."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tools.testing.checkpoints import create
from tools.testing.kubectl import Kubectl, Object, wait_for
from tools.testing.pod_builders import pod

_NAME = "sidecar"
_POLICY = f"shardwright-e2e-{_NAME}"
_CONTAINER = """Object.spec.containers{
  name: "a-sidecar", image: "shardwright.local/worker-prepare:dev", command: ["true"],
  securityContext: Object.spec.containers.securityContext{
    allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 65532,
    capabilities: Object.spec.containers.securityContext.capabilities{drop: ["ALL"]}}}"""


def _policy() -> list[Object]:
    """Return a policy that injects a sidecar into the pods of the resource, and its binding.

    https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
    """
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    expression = f'[JSONPatch{{op: "add", path: "/spec/containers/0", value: {_CONTAINER}}}]'
    common: Object = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": _POLICY}}
    policy = {
        **common,
        "kind": "MutatingAdmissionPolicy",
        "spec": {
            "matchConstraints": {
                "resourceRules": [rule],
                "objectSelector": {"matchLabels": {"shardwright.io/checkpoint": _NAME}},
            },
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
        },
    }
    return [policy, {**common, "kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": _POLICY}}]


@pytest.fixture
def sidecar(created: None, kubectl: Kubectl) -> Iterator[None]:
    """Pods of the resource have a sidecar before the worker."""
    kubectl.apply(*_policy())
    probe = pod("probe", [{"image": "shardwright.local/worker-prepare:dev"}], [])
    probe["metadata"]["labels"]["shardwright.io/checkpoint"] = _NAME
    flags = ("--dry-run=server", "--output=json", "--filename=-")
    wait_for(
        lambda: kubectl.run("create", *flags, text=json.dumps(probe)), lambda text: "a-sidecar" in text, "the policy"
    )
    yield
    kubectl.run("delete", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", _POLICY)


def test_an_injected_sidecar_is_not_taken_for_the_worker(sidecar: None, kubectl: Kubectl) -> None:
    checkpoint = create(kubectl, _NAME, tensor_parallel_size=1, verification="Digests")
    first = wait_for(lambda: checkpoint.pods("prepare"), bool, "a pod")[0]
    assert [one["name"] for one in first["spec"]["containers"]] == ["a-sidecar", "worker"]
    checkpoint.wait_ready()
    assert len(checkpoint.jobs()) == 2
    checkpoint.delete()
