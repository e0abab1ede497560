"""The objects of each installation mode, which an API server accepts without a warning."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from tools.chart.rendering import MODES, NAMESPACE, HelmError, Object, of_kind, only, render
from tools.cluster.binaries import binary
from tools.cluster.paths import ROOT
from tools.control_plane.control_plane import ControlPlane

EXPECTED_KINDS = {
    "cluster-wide": {
        "ClusterRole": 5,
        "ClusterRoleBinding": 3,
        "CustomResourceDefinition": 1,
        "Deployment": 1,
        "Role": 1,
        "RoleBinding": 1,
        "Service": 1,
        "ServiceAccount": 1,
    },
    "two replicas": {
        "ClusterRole": 5,
        "ClusterRoleBinding": 3,
        "CustomResourceDefinition": 1,
        "Deployment": 1,
        "NetworkPolicy": 1,
        "PodDisruptionBudget": 1,
        "PodMonitor": 1,
        "Role": 1,
        "RoleBinding": 1,
        "Service": 1,
        "ServiceAccount": 1,
        "ServiceMonitor": 1,
    },
    "namespaced": {"Deployment": 1, "Role": 7, "RoleBinding": 7, "Service": 1, "ServiceAccount": 1},
}


@pytest.mark.parametrize("mode", MODES)
def test_objects_by_kind(mode: str) -> None:
    objects = render(*MODES[mode])
    assert {kind: len(of_kind(objects, kind)) for kind in {thing["kind"] for thing in objects}} == EXPECTED_KINDS[mode]


@pytest.mark.parametrize("mode", MODES)
def test_the_api_server_accepts_every_object(mode: str, plane: ControlPlane) -> None:
    known = [thing for thing in render(*MODES[mode]) if not thing["apiVersion"].startswith("monitoring.coreos.com/")]
    for namespace in (NAMESPACE, "models", "staging"):
        if not plane.api.answers(f"/api/v1/namespaces/{namespace}"):
            plane.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    # Server-side, since other tests may have installed the CRD before.
    apply = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename=-")
    command = [str(binary("kubectl")), f"--kubeconfig={plane.kubeconfig}", *apply]
    done = subprocess.run(command, input=yaml.safe_dump_all(known), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr


def _pod(objects: list[Object]) -> Any:
    return only(objects, "Deployment")["spec"]["template"]["spec"]


def test_the_operators_pod_is_restricted() -> None:
    pod = _pod(render())
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] >= 1000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["enableServiceLinks"] is False
    assert "memory" in container["resources"]["limits"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


def test_images_and_namespaces_are_flags_of_the_operator() -> None:
    pod = _pod(render("worker.engineImage=registry/engine:1", "watchNamespaces={models,staging}", "extraArgs={--x=1}"))
    arguments = pod["containers"][0]["args"]
    assert {"--engine-image=registry/engine:1", "--namespaces=models,staging", "--x=1"} <= set(arguments)


def test_a_digest_overrides_the_tag() -> None:
    digest = "sha256:" + "0" * 64
    assert _pod(render("image.tag=v1", f"image.digest={digest}"))["containers"][0]["image"].endswith(f"@{digest}")


def test_two_replicas_prefer_two_nodes() -> None:
    assert "podAntiAffinity" in _pod(render("replicas=2"))["affinity"]
    assert "affinity" not in _pod(render())


def test_selectors_match_the_pods() -> None:
    deployment = only(render(), "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert only(render(), "Service")["spec"]["selector"].items() <= labels.items()


def test_the_crd_is_the_generated_one_and_is_kept_on_uninstall() -> None:
    generated = yaml.safe_load((ROOT / "crds" / "shardwright.io_shardedcheckpoints.yaml").read_text())
    installed = only(render(), "CustomResourceDefinition")
    assert json.dumps(installed["spec"], sort_keys=True) == json.dumps(generated["spec"], sort_keys=True)
    assert installed["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    removable = only(render("crds.keep=false"), "CustomResourceDefinition")
    assert "helm.sh/resource-policy" not in removable["metadata"].get("annotations", {})


def test_a_service_monitor_without_its_service_is_rejected() -> None:
    with pytest.raises(HelmError, match=r"needs metrics\.service\.enabled"):
        render("metrics.serviceMonitor.enabled=true", "metrics.service.enabled=false")
