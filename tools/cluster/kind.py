"""A cluster of kind in Docker, with the storage classes and simulated accelerators of the local one."""

from __future__ import annotations

import base64
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from tools.cluster import volumes
from tools.cluster.api import Api, wait_until
from tools.cluster.description import IMAGES, Description
from tools.cluster.errors import ClusterError
from tools.cluster.images import build_with_docker
from tools.cluster.node_controller import advertise_accelerators
from tools.cluster.paths import DESCRIPTION, KUBECONFIG, STATE
from tools.cluster.progress import step

_NAME = "shardwright"
_NODE = f"{_NAME}-control-plane"


class KindCluster:
    """A kind cluster; needs Docker and kind. A released volume is not recycled for the next claim."""

    def prerequisites(self) -> None:
        """Check that the programs exist.

        Raises:
            ClusterError: some do not.
        """
        missing = [program for program in ("docker", "kind", "kubectl") if not shutil.which(program)]
        if missing:
            raise ClusterError(f"CLUSTER=kind needs {', '.join(missing)}; install them and try again")

    def up(self) -> None:
        """Create the cluster unless it exists, then its storage classes, volumes and accelerators."""
        self.prerequisites()
        STATE.mkdir(exist_ok=True)
        if _NAME not in _run(["kind", "get", "clusters"]).split():
            with step("kind create cluster"):
                _run(["kind", "create", "cluster", "--name", _NAME, "--wait", "120s"])
        KUBECONFIG.write_text(_run(["kind", "get", "kubeconfig", "--name", _NAME]))
        KUBECONFIG.chmod(0o600)
        folders = [str(volumes.VOLUMES / "local" / str(number)) for number in range(volumes.LOCAL)]
        _run(["docker", "exec", _NODE, "mkdir", "-p", *folders])
        for number in range(volumes.SMALL):
            folder = volumes.VOLUMES / "small" / str(number)
            size = f"size={volumes.SMALL_BYTES}"
            mount = f"mkdir -p {folder}; mountpoint -q {folder} || mount -t tmpfs -o {size} tmpfs {folder}"
            _run(["docker", "exec", _NODE, "sh", "-c", mount])
        api = _api()
        volumes.declare(api, _NODE, root_owned=False)
        advertise_accelerators(api, _NODE)
        wait_until(lambda: api.answers("/api/v1/namespaces/default/serviceaccounts/default"), "service accounts", 60)
        replace(Description.of_local("kind"), root_owned_storage_class="").write()

    def down(self) -> None:
        """Delete the cluster."""
        _run(["kind", "delete", "cluster", "--name", _NAME])
        for file in (KUBECONFIG, DESCRIPTION):
            file.unlink(missing_ok=True)

    def load(self, names: list[str]) -> None:
        """Build the images with Docker, and load them into kind."""
        build_with_docker(names)
        _run(["kind", "load", "docker-image", "--name", _NAME, *[IMAGES[name] for name in names]])

    def status(self) -> dict[str, str]:
        """Return the state of the API server."""
        ready = _NAME in _run(["kind", "get", "clusters"]).split() and _api().ready()
        return {"API server": "ready" if ready else "not ready"}


def _api() -> Api:
    """Return a client with the token of an administrator account, which is created if it does not exist."""
    account = ["--namespace=kube-system", "serviceaccount", "cluster-tests"]
    if "cluster-tests" not in _kubectl("get", "--namespace=kube-system", "serviceaccounts"):
        _kubectl("create", *account)
        user = "--serviceaccount=kube-system:cluster-tests"
        _kubectl("create", "clusterrolebinding", "cluster-tests", "--clusterrole=cluster-admin", user)
    token = _kubectl("create", "--namespace=kube-system", "token", "cluster-tests").strip()
    authority, url = (
        _kubectl("config", "view", "--raw", "--output", f"jsonpath={{.clusters[0].cluster.{field}}}")
        for field in ("certificate-authority-data", "server")
    )
    ca = Path(tempfile.mkdtemp()) / "ca.crt"
    ca.write_bytes(base64.b64decode(authority))
    return Api(url, ca, token)


def _kubectl(*arguments: str) -> str:
    return _run(["kubectl", f"--kubeconfig={KUBECONFIG}", *arguments])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(f"{' '.join(command[:3])}: {done.stderr.strip()[-600:]}")
    return done.stdout
