"""Makes the few keys, certificates, tokens and kubeconfigs a control plane needs, with the openssl program."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

# Who may call the API server, by user name -> groups.
_PEOPLE = {
    "admin": ("admin", ["system:masters"]),
    "controllers": ("system:kube-controller-manager", []),
    "scheduler": ("system:kube-scheduler", []),
    "kubelet": ("system:node:shardwright", ["system:nodes"]),
    "proxy": ("system:kube-proxy", []),
    "dns": ("system:kube-dns", ["system:masters"]),
}


@dataclass(frozen=True)
class Credentials:
    """The files of one control plane's certificates and the tokens of those who call it."""

    folder: Path
    tokens: dict[str, str]

    @property
    def ca(self) -> Path:
        """The certificate that signs the API server's."""
        return self.folder / "ca.crt"

    @property
    def account_key(self) -> Path:
        """The private key behind service account tokens."""
        return self.folder / "accounts.key"

    @property
    def token_file(self) -> Path:
        """The list of tokens in the form that kube-apiserver reads."""
        return self.folder / "tokens.csv"

    def kubeconfig(self, person: str, server: str, into: Path) -> Path:
        """Write the kubeconfig of one caller (JSON is YAML too) and give its path."""
        authority = base64.b64encode(self.ca.read_bytes()).decode()
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": {"server": server, "certificate-authority-data": authority}}],
            "users": [{"name": person, "user": {"token": self.tokens[person]}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": person}}],
            "current-context": "local",
        }
        into.parent.mkdir(parents=True, exist_ok=True)
        into.write_text(json.dumps(content, indent=2) + "\n")
        into.chmod(0o600)
        return into


def make_credentials(folder: Path, addresses: list[str]) -> Credentials:
    """A new authority, the API server's certificate for these addresses, and a token for everyone."""
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
    tokens = {person: secrets.token_hex(16) for person in _PEOPLE}
    lines = [f'{tokens[person]},{user},{person},"{",".join(groups)}"' for person, (user, groups) in _PEOPLE.items()]
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
