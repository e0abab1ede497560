"""A namespace of a control plane with two claims and the resources of a test, without the overhead of kubectl."""

from __future__ import annotations

import urllib.error
from typing import Any
from uuid import uuid4

import yaml

from shardwright_operator.api.names import API_VERSION, CHECKPOINT, GROUP, PLURAL, STAGE
from tools.cluster.api import Api, wait_until
from tools.cluster.paths import ROOT
from tools.testing.checkpoints import condition, conditions_text, holds, manifest

CRD = ROOT / "crds" / f"{GROUP}_{PLURAL}.yaml"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def install_crd(api: Api) -> None:
    """Install the CRD of this repository, and wait until it is served."""
    crd = yaml.safe_load(CRD.read_text())
    api.apply(f"{_DEFINITIONS}/{crd['metadata']['name']}", crd)
    wait_until(lambda: api.answers(f"/apis/{API_VERSION}/{PLURAL}"), "the CRD being served", 60)


def remove_crd(api: Api) -> None:
    """Delete the CRD, and wait until it is gone."""
    name = yaml.safe_load(CRD.read_text())["metadata"]["name"]
    api.call("DELETE", f"{_DEFINITIONS}/{name}")
    wait_until(lambda: not api.answers(f"{_DEFINITIONS}/{name}"), "the CRD being gone", 60)


class Namespace:
    """One namespace with the claims `models` and `shards`, which stay unbound, since there are no volumes."""

    def __init__(self, api: Api, namespace: str = "", claims: tuple[str, ...] = ("models", "shards")) -> None:
        self.api, self.name = api, namespace or f"test-{uuid4().hex[:8]}"
        api.call("POST", "/api/v1/namespaces", {"metadata": {"name": self.name}})
        # Pods are rejected until their service account exists.
        # https://github.com/kubernetes/kubernetes/blob/v1.34.0/plugin/pkg/admission/serviceaccount/admission.go
        account = f"/api/v1/namespaces/{self.name}/serviceaccounts/default"
        wait_until(lambda: api.answers(account), "the default account", 60)
        for name in claims:
            self.create_claim(name)

    def path(self, plural: str, name: str = "") -> str:
        """Return the path of a collection or object in this namespace."""
        groups = {"jobs": "/apis/batch/v1", PLURAL: f"/apis/{API_VERSION}"}
        groups |= {"events": "/apis/events.k8s.io/v1"}
        base = f"{groups.get(plural, '/api/v1')}/namespaces/{self.name}/{plural}"
        return f"{base}/{name}" if name else base

    def create_claim(self, name: str) -> Any:
        """Create a claim of 1 GiB."""
        spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
        return self.api.call("POST", self.path("persistentvolumeclaims"), {"metadata": {"name": name}, "spec": spec})

    def create(self, name: str, **spec: Any) -> Any:
        """Create a ShardedCheckpoint; `spec` replaces whole parts of the default one."""
        return self.api.call("POST", self.path(PLURAL), manifest(name, **spec))

    def read(self, name: str) -> Any:
        """Return the ShardedCheckpoint as it is now."""
        return self.api.call("GET", self.path(PLURAL, name))

    def change(self, name: str, **spec: Any) -> Any:
        """Merge fields into its spec."""
        path = self.path(PLURAL, name)
        return self.api.call("PATCH", path, {"spec": spec}, "application/merge-patch+json")

    def annotate(self, name: str, **annotations: str) -> Any:
        """Set annotations; a leading underscore stands for the prefix `reconcile.fluxcd.io/`."""
        named = {key.replace("_", "reconcile.fluxcd.io/", 1): value for key, value in annotations.items()}
        body = {"metadata": {"annotations": named}}
        path = self.path(PLURAL, name)
        return self.api.call("PATCH", path, body, "application/merge-patch+json")

    def delete(self, plural: str, name: str, policy: str = "Background") -> None:
        """Delete an object, if it exists."""
        try:
            self.api.call("DELETE", self.path(plural, name), {"propagationPolicy": policy})
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise

    def objects(self, plural: str, selector: str = "") -> list[Any]:
        """Return all objects of a kind in this namespace."""
        query = f"?labelSelector={selector}" if selector else ""
        found: list[Any] = self.api.call("GET", self.path(plural) + query)["items"]
        return found

    def jobs(self, name: str, stage: str = "") -> list[Any]:
        """Return the Jobs of a ShardedCheckpoint, oldest first."""
        selector = f"{CHECKPOINT}={name}" + (f",{STAGE}={stage}" if stage else "")
        return sorted(self.objects("jobs", selector), key=lambda job: str(job["metadata"]["creationTimestamp"]))

    def wait(self, name: str, kind: str = "Ready", reason: str = "", seconds: float = 180) -> Any:
        """Wait until a condition is True, or Ready has this reason, and return the resource.

        Raises:
            AssertionError: not within `seconds`; the message has its conditions.
        """

        def met() -> bool:
            try:
                found = self.read(name)
            except (OSError, ValueError):
                return False
            return condition(found, "Ready").get("reason") == reason if reason else holds(found, kind)

        try:
            wait_until(met, f"{name}: {reason or kind}", seconds)
        except Exception as error:
            raise AssertionError(f"{error}; conditions: {conditions_text(self.read(name))}") from error
        return self.read(name)
