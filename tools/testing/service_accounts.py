"""Service accounts with few permissions: the account, its roles, and a kubeconfig with its token."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tools.cluster.api import wait_until
from tools.control_plane.control_plane import ControlPlane

_RBAC = "/apis/rbac.authorization.k8s.io/v1"


def create_service_account(plane: ControlPlane, namespace: str, name: str, into: Path) -> Path:
    """Create a service account, write a kubeconfig file with its token, and return the path of the file.

    https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
    """
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    plane.api.call("POST", path, {"metadata": {"name": name}})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
    token = plane.api.call("POST", f"{path}/{name}/token", request)["status"]["token"]
    authority = base64.b64encode(plane.ca.read_bytes()).decode()
    config = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": name, "namespace": namespace}}],
        "clusters": [{"name": "it", "cluster": {"server": plane.url, "certificate-authority-data": authority}}],
        "users": [{"name": name, "user": {"token": token}}],
    }
    into.write_text(json.dumps(config))
    return into


def grant(
    plane: ControlPlane, account: tuple[str, str], namespace: str, name: str, rules: list[dict[str, Any]]
) -> None:
    """Grant these rules of a Role in one namespace to a service account (namespace, name)."""
    path = f"{_RBAC}/namespaces/{namespace}"
    plane.api.apply(f"{path}/roles/{name}", _thing("Role", name, {"rules": rules}))
    subject = {"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    binding = _thing("RoleBinding", name, {"roleRef": role, "subjects": [subject]})
    plane.api.apply(f"{path}/rolebindings/{name}", binding)
    wait_until(lambda: plane.api.answers(f"{path}/rolebindings/{name}"), "the binding", 30)


def _thing(kind: str, name: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}, **content}
