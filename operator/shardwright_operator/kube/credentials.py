"""Credentials for the API server: the pod's service account, or a kubeconfig."""

import base64
import os
import ssl
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from shardwright_operator.kube.tokens import CredentialsError, cached, run_exec_plugin

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Credentials:
    """The API server's URL and how to authenticate. `token` is cheap and rotates: call it for each request.

    `ca_data` is PEM text, `certificate` the PEM bytes of a client certificate and of its key, `proxy` a URL, and
    `namespace` the default of this identity.
    """

    server: str
    token: Callable[[], str | None]
    ca_data: str | None = None
    insecure: bool = False
    server_name: str | None = None
    certificate: tuple[bytes, bytes] | None = None
    proxy: str | None = None
    namespace: str = "default"

    def ssl_context(self) -> ssl.SSLContext:
        """Return a TLS context that verifies this server, unless the kubeconfig says not to.

        Raises:
            ssl.SSLError: the CA, the certificate or the key is not PEM, or the key is of another certificate.
        """
        context = ssl.create_default_context(cadata=self.ca_data)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            _load_client_certificate(context, *self.certificate)
        return context


def load_credentials(kubeconfig: str = "", context: str = "") -> Credentials:
    """Return the credentials of this kubeconfig, else of the pod, else of $KUBECONFIG or ~/.kube/config.

    Of several paths in $KUBECONFIG the first that exists is used; they are not merged.

    Raises:
        CredentialsError: none of these exists, or the kubeconfig lacks the context, cluster or user.
        OSError: a file that the kubeconfig names cannot be read.
    """
    if not kubeconfig and "KUBERNETES_SERVICE_HOST" in os.environ and (_SERVICE_ACCOUNT / "token").exists():
        return _in_cluster()
    candidates = [kubeconfig] if kubeconfig else os.environ.get("KUBECONFIG", "~/.kube/config").split(os.pathsep)
    for path in (Path(one).expanduser() for one in candidates if one):
        if path.exists():
            return _from_kubeconfig(path, context)
    raise CredentialsError(f"no service account at {_SERVICE_ACCOUNT} and no kubeconfig at {', '.join(candidates)}")


def _in_cluster() -> Credentials:
    """Return the credentials of the pod's service account.

    https://github.com/kubernetes/client-go/blob/v0.36.3/rest/config.go#L543
    """
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Credentials(
        server,
        cached(lambda: (_SERVICE_ACCOUNT / "token").read_text().strip()),
        ca_data=(_SERVICE_ACCOUNT / "ca.crt").read_text(),
        proxy=_proxy(server),
        namespace=(_SERVICE_ACCOUNT / "namespace").read_text().strip(),
    )


def _from_kubeconfig(path: Path, context_name: str) -> Credentials:
    """Return the credentials of a context, the current one if the name is empty.

    https://github.com/kubernetes/client-go/blob/v0.36.3/tools/clientcmd/api/v1/types.go#L28
    """
    config = yaml.safe_load(path.read_text()) or {}
    context = _section(config, "context", context_name or config.get("current-context", ""), path)
    cluster = _section(config, "cluster", context.get("cluster", ""), path)
    user = _section(config, "user", context.get("user", ""), path)
    ca = _data(cluster, "certificate-authority", path)
    certificate, key = _data(user, "client-certificate", path), _data(user, "client-key", path)
    server = cluster["server"].rstrip("/")
    return Credentials(
        server,
        _token_source(user, path),
        ca_data=ca.decode() if ca else None,
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        server_name=cluster.get("tls-server-name"),
        certificate=(certificate, key) if certificate and key else None,
        proxy=cluster.get("proxy-url") or _proxy(server),
        namespace=context.get("namespace", "default"),
    )


def _section(config: Mapping[str, Any], kind: str, name: str, path: Path) -> Mapping[str, Any]:
    for entry in config.get(f"{kind}s") or []:
        if entry.get("name") == name:
            return entry.get(kind) or {}
    raise CredentialsError(f"{path} has no {kind} named {name!r}")


def _data(section: Mapping[str, Any], name: str, path: Path) -> bytes | None:
    """Return what is in the kubeconfig itself, or in a file relative to it."""
    if inline := section.get(f"{name}-data"):
        return base64.b64decode(inline)
    if file := section.get(name):
        return (path.parent / str(file)).read_bytes()
    return None


def _token_source(user: Mapping[str, Any], path: Path) -> Callable[[], str | None]:
    if token := user.get("token"):
        return lambda: str(token)
    if file := user.get("tokenFile"):
        return cached(lambda: (path.parent / file).read_text().strip())
    if plugin := user.get("exec"):
        return cached(lambda: run_exec_plugin(plugin))
    return lambda: None


def _proxy(server: str) -> str | None:
    """Return the proxy for this server from HTTPS_PROXY and NO_PROXY, as other clients of the API server use it."""
    parts = urlsplit(server)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _load_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # Python's ssl reads a certificate from files only.
    with tempfile.NamedTemporaryFile(buffering=0) as first, tempfile.NamedTemporaryFile(buffering=0) as second:
        first.write(certificate)
        second.write(key)
        context.load_cert_chain(first.name, second.name)
