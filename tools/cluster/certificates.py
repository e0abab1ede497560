"""Creates the keys, certificates, tokens and kubeconfigs of a control plane, with the openssl program."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

# The users of the API server: short name -> user name and groups.
_USERS = {
    "admin": ("admin", ["system:masters"]),
    "controllers": ("system:kube-controller-manager", []),
    "scheduler": ("system:kube-scheduler", []),
    "kubelet": ("system:node:shardwright", ["system:nodes"]),
    "proxy": ("system:kube-proxy", []),
    "dns": ("system:kube-dns", ["system:masters"]),
}


@dataclass(frozen=True)
class Credentials:
    """The files of one control plane's certificates, and the tokens of its users."""

    folder: Path
    tokens: dict[str, str]

    @property
    def ca(self) -> Path:
        """The certificate of the authority that signs the API server's certificate."""
        return self.folder / "ca.crt"

    @property
    def account_key(self) -> Path:
        """The private key that signs service account tokens."""
        return self.folder / "accounts.key"

    @property
    def token_file(self) -> Path:
        """The static token file of kube-apiserver.

        https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
        """
        return self.folder / "tokens.csv"

    def kubeconfig(self, user: str, server: str, into: Path) -> Path:
        """Write the kubeconfig of one user as JSON, which is YAML too, and return its path."""
        authority = base64.b64encode(self.ca.read_bytes()).decode()
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": {"server": server, "certificate-authority-data": authority}}],
            "users": [{"name": user, "user": {"token": self.tokens[user]}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
            "current-context": "local",
        }
        into.parent.mkdir(parents=True, exist_ok=True)
        into.write_text(json.dumps(content, indent=2) + "\n")
        into.chmod(0o600)
        return into


def make_credentials(folder: Path, addresses: list[str]) -> Credentials:
    """Create an authority, the API server's certificate for these addresses, and a token for every user."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    _openssl(folder, "ca", "/CN=shardwright-local", ["basicConstraints=critical,CA:TRUE"], signed=False)
    names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    alternatives = ",".join([f"DNS:{name}" for name in names] + [f"IP:{address}" for address in addresses])
    _openssl(folder, "apiserver", "/CN=kube-apiserver", [f"subjectAltName={alternatives}"])
    _openssl(folder, "kubelet-client", "/O=system:masters/CN=kube-apiserver", ["extendedKeyUsage=clientAuth"])
    _run(["openssl", "genrsa", "-out", str(folder / "accounts.key"), "2048"])
    tokens = {user: secrets.token_hex(16) for user in _USERS}
    lines = [f'{tokens[user]},{name},{user},"{",".join(groups)}"' for user, (name, groups) in _USERS.items()]
    credentials = Credentials(folder, tokens)
    credentials.token_file.write_text("\n".join(lines) + "\n")
    return credentials


def _openssl(folder: Path, name: str, subject: str, extensions: list[str], signed: bool = True) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "3650", "-subj", subject, "-keyout", str(folder / f"{name}.key")]
    command += ["-out", str(folder / f"{name}.crt")]
    if signed:
        command += ["-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key")]
        extensions = ["basicConstraints=critical,CA:FALSE", *extensions]
    for extension in extensions:
        command += ["-addext", extension]
    _run(command)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)
