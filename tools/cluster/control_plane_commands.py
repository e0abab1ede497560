"""The command lines of a control plane's programs, for clusters with nodes and without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.cluster.binaries import binary
from tools.cluster.certificates import Credentials


@dataclass(frozen=True)
class ControlPlaneCommands:
    """One control plane: its addresses and its folder."""

    folder: Path
    credentials: Credentials
    address: str
    api_port: int
    etcd_port: int
    etcd_peer_port: int
    controllers_port: int
    service_range: str = "10.233.0.0/16"
    advertise: bool = True

    @property
    def url(self) -> str:
        """The URL of the API server."""
        return f"https://{self.address}:{self.api_port}"

    def kubeconfig(self, user: str) -> Path:
        """Write the kubeconfig of one user, and return its path."""
        return self.credentials.kubeconfig(user, self.url, self.folder / "kubeconfigs" / user)

    def etcd(self) -> list[str]:
        """Return the command line of etcd, without fsync: a test cluster need not survive a power cut."""
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.etcd_peer_port}"
        return [
            str(binary("etcd")),
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--quota-backend-bytes=4294967296",
            "--log-level=warn",
        ]

    def apiserver(self) -> list[str]:
        """Return the command line of kube-apiserver, with static tokens for users and RBAC.

        https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
        """
        keys = self.credentials.folder
        command = [
            str(binary("kube-apiserver")),
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--bind-address={self.address}",
            f"--secure-port={self.api_port}",
            f"--tls-cert-file={keys / 'apiserver.crt'}",
            f"--tls-private-key-file={keys / 'apiserver.key'}",
            f"--client-ca-file={self.credentials.ca}",
            f"--cert-dir={self.folder / 'apiserver'}",
            f"--requestheader-client-ca-file={self.credentials.ca}",
            "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--kubelet-client-certificate={keys / 'kubelet-client.crt'}",
            f"--kubelet-client-key={keys / 'kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--token-auth-file={self.credentials.token_file}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.credentials.account_key}",
            f"--service-account-signing-key-file={self.credentials.account_key}",
            f"--service-cluster-ip-range={self.service_range}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged",
            "--profiling=false",
            "--max-requests-inflight=1000",
            "--max-mutating-requests-inflight=500",
        ]
        if self.advertise:
            return [*command, f"--advertise-address={self.address}"]
        return [*command, "--endpoint-reconciler-type=none"]

    def controllers(self, extra: list[str] | None = None) -> list[str]:
        """Return the command line of kube-controller-manager with all its controllers, and `extra` flags."""
        return [
            str(binary("kube-controller-manager")),
            f"--kubeconfig={self.kubeconfig('controllers')}",
            f"--authentication-kubeconfig={self.kubeconfig('controllers')}",
            f"--authorization-kubeconfig={self.kubeconfig('controllers')}",
            f"--service-account-private-key-file={self.credentials.account_key}",
            f"--root-ca-file={self.credentials.ca}",
            f"--cert-dir={self.folder / 'controllers'}",
            f"--bind-address={self.address}",
            f"--secure-port={self.controllers_port}",
            "--use-service-account-credentials",
            "--authentication-tolerate-lookup-failure",
            "--leader-elect=false",
            *(extra or []),
        ]

    def scheduler(self) -> list[str]:
        """Return the command line of kube-scheduler with its defaults."""
        config = self.kubeconfig("scheduler")
        return [
            str(binary("kube-scheduler")),
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            f"--cert-dir={self.folder / 'scheduler'}",
            f"--bind-address={self.address}",
            "--authentication-tolerate-lookup-failure",
            "--leader-elect=false",
        ]
