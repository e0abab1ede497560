"""Who we are to the API server: the pod's service account, or a kubeconfig; tokens are read again as they rotate."""

import base64
import json
import logging
import os
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from shardwright_worker.contract.text import clean

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_SECONDS, _AGAIN_SECONDS = 60.0, 5.0

log = logging.getLogger(__name__)


class CredentialsError(Exception):
    """There is no usable way to reach an API server; the message says what was looked for."""


@dataclass(frozen=True)
class Credentials:
    """The API server's address and how to prove who we are. `token()` is cheap: call it for each request."""

    server: str
    token: Callable[[], str | None]
    ca_data: str | None = None
    insecure: bool = False
    server_name: str | None = None
    certificate: tuple[bytes, bytes] | None = None
    proxy: str | None = None
    namespace: str = "default"

    def ssl_context(self) -> ssl.SSLContext:
        """A TLS context for this server."""
        context = ssl.create_default_context(cadata=self.ca_data)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            _load_pair(context, *self.certificate)
        return context


def load_credentials(kubeconfig: str = "", context: str = "") -> Credentials:
    """The kubeconfig named here, else the pod's service account, else $KUBECONFIG or ~/.kube/config."""
    if not kubeconfig and "KUBERNETES_SERVICE_HOST" in os.environ and (ACCOUNT / "token").exists():
        return _from_pod()
    listed = [kubeconfig] if kubeconfig else os.environ.get("KUBECONFIG", "~/.kube/config").split(os.pathsep)
    for path in (Path(one).expanduser() for one in listed if one):
        if path.exists():
            return _from_kubeconfig(path, context)
    raise CredentialsError(f"no service account at {ACCOUNT} and no kubeconfig at {', '.join(listed)}")


def _from_pod() -> Credentials:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    namespace = (ACCOUNT / "namespace").read_text().strip()
    authority = (ACCOUNT / "ca.crt").read_text()
    token = _kept(lambda: (ACCOUNT / "token").read_text().strip())
    return Credentials(server, token, authority, namespace=namespace, proxy=_proxy(server))


def _from_kubeconfig(path: Path, context_name: str) -> Credentials:
    config = yaml.safe_load(path.read_text()) or {}
    context = _named(config, "context", context_name or config.get("current-context", ""), path)
    cluster = _named(config, "cluster", context.get("cluster", ""), path)
    user = _named(config, "user", context.get("user", ""), path)
    authority = _data(cluster, "certificate-authority", path)
    certificate, key = _data(user, "client-certificate", path), _data(user, "client-key", path)
    server = cluster["server"].rstrip("/")
    return Credentials(
        server,
        _token_of(user, path),
        authority.decode() if authority else None,
        bool(cluster.get("insecure-skip-tls-verify")),
        cluster.get("tls-server-name"),
        (certificate, key) if certificate and key else None,
        cluster.get("proxy-url") or _proxy(server),
        context.get("namespace", "default"),
    )


def _named(config: Mapping[str, Any], kind: str, name: str, path: Path) -> Mapping[str, Any]:
    for entry in config.get(f"{kind}s") or []:
        if entry.get("name") == name:
            return entry.get(kind) or {}
    raise CredentialsError(f"{path} has no {kind} named {name!r}")


def _data(section: Mapping[str, Any], name: str, path: Path) -> bytes | None:
    if inline := section.get(f"{name}-data"):
        return base64.b64decode(inline)
    if file := section.get(name):
        return (path.parent / str(file)).read_bytes()
    return None


def _token_of(user: Mapping[str, Any], path: Path) -> Callable[[], str | None]:
    if token := user.get("token"):
        return lambda: str(token)
    if file := user.get("tokenFile"):
        return _kept(lambda: (path.parent / file).read_text().strip())
    if plugin := user.get("exec"):
        return _kept(lambda: _run_plugin(plugin))
    return lambda: None


def _run_plugin(plugin: Mapping[str, Any]) -> str:
    asked = {"apiVersion": plugin["apiVersion"], "kind": "ExecCredential", "spec": {"interactive": False}}
    extra = {entry["name"]: entry["value"] for entry in plugin.get("env") or []}
    environment = {**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(asked)}
    command = [plugin["command"], *(plugin.get("args") or [])]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    except subprocess.SubprocessError as error:
        raise CredentialsError(f"{plugin['command']} failed: {error}") from error
    if done.returncode != 0:
        raise CredentialsError(f"{plugin['command']} failed: {clean(done.stderr.strip()[-500:])}")
    try:
        token = json.loads(done.stdout)["status"].get("token")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CredentialsError(f"{plugin['command']} gave no ExecCredential with a status") from error
    if not token:
        raise CredentialsError(f"{plugin['command']} gave no token; client certificates from plugins are not supported")
    return str(token)


def _kept(read: Callable[[], str]) -> Callable[[], str]:
    """Reads at most once a minute: kubelet replaces a projected token long before it ends.

    While it cannot be read, the last one is used: it is good for longer than a minute.
    """
    kept, since = "", float("-inf")

    def token() -> str:
        nonlocal kept, since
        if time.monotonic() - since > _TOKEN_SECONDS:
            try:
                kept, since = _checked(read()), time.monotonic()
            except (OSError, ValueError, CredentialsError) as error:
                if not kept:
                    raise CredentialsError(f"the token cannot be read: {error}") from error
                since = time.monotonic() - _TOKEN_SECONDS + _AGAIN_SECONDS
                log.warning("the token cannot be read anew, the last one is used: %s", error)
        return kept

    return token


def _checked(token: str) -> str:
    """A token that can stand in a header."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise CredentialsError("it is empty, or holds what no token does")
    return token


def _proxy(server: str) -> str | None:
    """The environment's proxy for this server, as every other client would use it; worked out once."""
    host = urlsplit(server).hostname or ""
    if urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(urlsplit(server).scheme)


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # Python's ssl reads a certificate from files only.
    with tempfile.NamedTemporaryFile(buffering=0) as first, tempfile.NamedTemporaryFile(buffering=0) as second:
        first.write(certificate)
        second.write(key)
        context.load_cert_chain(first.name, second.name)
