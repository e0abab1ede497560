"""The cluster made on this machine: brings it up from nothing, finds it again, takes it down without a trace."""

from __future__ import annotations

import os
import shutil
import ssl
import sys
import urllib.request
from pathlib import Path

from tools.cluster import kernel, loading, node, volumes
from tools.cluster.api import Api, wait_until
from tools.cluster.binaries import CLUSTER, ensure, folder
from tools.cluster.certificates import Credentials, make_credentials
from tools.cluster.control_plane import ControlPlane
from tools.cluster.description import Description
from tools.cluster.namespaces import Holder, close_namespaces, holders, open_namespaces, own_holder, runs, spawn
from tools.cluster.network import connect, disconnect
from tools.cluster.packages import NODE, install
from tools.cluster.places import (
    API_PORT,
    BINARIES,
    DESCRIPTION,
    KUBECONFIG,
    KUBERNETES_SERVICE,
    LOG,
    NODE_ADDRESS,
    ROOT,
    SERVICE_RANGE,
    STATE,
)
from tools.cluster.report import ClusterError, say, step
from tools.cluster.runtime import start_runtime

_OWN = (
    "apiserver", "bin", "controllers", "etcd", "keys", "kubeconfigs", "node", "pids", "scheduler", "volumes",
)  # fmt: skip
_URL = f"https://{NODE_ADDRESS}:{API_PORT}"


class LocalCluster:
    """Everything from etcd to the kubelet, in namespaces of its own."""

    def prerequisites(self) -> None:
        """Debian packages, Go toolchain and programs, so that `up` takes seconds."""
        install(NODE)
        ensure((*CLUSTER, "kubectl", "helm"))

    def up(self) -> None:
        """Bring the cluster up, or make sure that it is."""
        if self._whole():
            say(f"already up; kubeconfig {KUBECONFIG}")
            volumes.recycle(_api())
            return
        self.prerequisites()
        self._make_room()
        with step("starting Kubernetes on this machine"):
            try:
                self._start()
            except BaseException:
                say(f"failed; the logs are in {LOG}")
                raise
        say(f"up; kubeconfig {KUBECONFIG}, logs {LOG}")

    def down(self) -> None:
        """End this checkout's cluster and remove what it had, except images and programs in the cache."""
        holder = own_holder()
        if holder:
            with step("stopping Kubernetes"):
                close_namespaces(holder)
                wait_until(volumes.detached, "the small volumes being released", 20)
        if not holders():
            disconnect()
            node.remove_folders()
            kernel.restore()
        for name in _OWN:
            shutil.rmtree(STATE / name, ignore_errors=True)
        for file in (KUBECONFIG, DESCRIPTION, STATE / "holder.ready"):
            file.unlink(missing_ok=True)

    def load(self, names: list[str]) -> None:
        """Build the images that changed and bring them into the node's container runtime."""
        holder = own_holder()
        if not self._whole() or holder is None:
            raise ClusterError("the cluster is not up: run `python3 -m tools.cluster up` first")
        loading.load(holder, names)

    def status(self) -> dict[str, str]:
        """The parts and whether they run."""
        parts = {path.name: _state(path) for path in sorted((STATE / "pids").glob("*"))}
        return {**parts, "API server": "ready" if self._whole() else "not ready"}

    def _start(self) -> None:
        LOG.mkdir(parents=True, exist_ok=True)
        for log in LOG.glob("*.log"):
            log.unlink()
        folder(CLUSTER, STATE / "bin")
        kernel.remember()
        holder = open_namespaces()
        connect(holder)
        node.prepare_folders(holder)
        credentials = make_credentials(STATE / "keys", [NODE_ADDRESS, KUBERNETES_SERVICE])
        plane = ControlPlane(STATE, credentials, NODE_ADDRESS, API_PORT, 2379, 2380, 10257, SERVICE_RANGE)
        (STATE / "keys" / "admin.token").write_text(credentials.tokens["admin"])
        spawn(holder, "etcd", plane.etcd())
        apiserver = spawn(holder, "kube-apiserver", plane.apiserver())
        volumes.make_folders(holder)
        start_runtime(holder)
        api = _api()

        def ended() -> str:
            return "" if runs(apiserver) else f"kube-apiserver ended (see {LOG / 'kube-apiserver.log'})"

        wait_until(api.ready, "the API server being ready", 90, ended)
        node.start_kubelet(holder, plane)
        spawn(holder, "kube-controller-manager", plane.controllers(["--enable-hostpath-provisioner"]))
        spawn(holder, "kube-scheduler", plane.scheduler())
        node.start_proxy(holder, plane)
        node.start_dns(holder, plane, api)
        volumes.declare(api)
        self._start_custodian(holder, credentials)
        node.wait_for_node(api)
        wait_until(lambda: api.answers("/api/v1/namespaces/default/serviceaccounts/default"), "service accounts", 30)
        credentials.kubeconfig("admin", plane.url, KUBECONFIG)
        Description.of_local().write()

    @staticmethod
    def _start_custodian(holder: Holder, credentials: Credentials) -> None:
        token = STATE / "keys" / "admin.token"
        command = [sys.executable, "-m", "tools.cluster.custodian", _URL, str(credentials.ca), str(token)]
        spawn(holder, "custodian", command)

    def _make_room(self) -> None:
        for holder in holders():
            replace = os.environ.get("CLUSTER_REPLACE") == "1"
            if not replace and holder.root != ROOT and (holder.root / ".cluster").exists() and _answers():
                raise ClusterError(
                    f"the cluster of another checkout runs on this machine: process {holder.pid}, {holder.root}; "
                    f"stop it there with `python3 -m tools.cluster down`, or set CLUSTER_REPLACE=1 to end it"
                )
            say(f"removing what is left of the cluster of {holder.root} (process {holder.pid})")
            close_namespaces(holder)
        self.down()
        BINARIES.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def _whole() -> bool:
        files = list((STATE / "pids").glob("*"))
        return bool(
            own_holder() and files and DESCRIPTION.exists() and all(_state(path) == "runs" for path in files)
        ) and (_api().ready())


def _api() -> Api:
    keys = STATE / "keys"
    return Api(_URL, keys / "ca.crt", (keys / "admin.token").read_text())


def _answers() -> bool:
    """Whether any API server answers at the node's address, whoever it belongs to."""
    trusting = ssl._create_unverified_context()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting))
    try:
        with opener.open(f"{_URL}/livez", timeout=3) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _state(path: Path) -> str:
    return "runs" if runs(int(path.read_text())) else "ended"
