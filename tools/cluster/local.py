"""The cluster on this machine: starts it from nothing, finds it again, stops it and deletes all of its state."""

from __future__ import annotations

import os
import shutil
import ssl
import sys
import urllib.request
from pathlib import Path

from tools.cluster import image_loading, kernel_settings, node, volumes
from tools.cluster.api import Api, wait_until
from tools.cluster.binaries import CLUSTER, ensure, folder
from tools.cluster.certificates import Credentials, make_credentials
from tools.cluster.container_runtime import start_runtime
from tools.cluster.control_plane_commands import ControlPlaneCommands
from tools.cluster.description import Description
from tools.cluster.errors import ClusterError
from tools.cluster.namespaces import (
    InitProcess,
    close_namespaces,
    init_processes,
    open_namespaces,
    own_init_process,
    runs,
    spawn,
)
from tools.cluster.network import connect, disconnect
from tools.cluster.packages import NODE, install
from tools.cluster.paths import (
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
from tools.cluster.progress import say, step

_OWN = (
    "apiserver", "bin", "controllers", "etcd", "keys", "kubeconfigs", "node", "pids", "scheduler", "volumes",
)  # fmt: skip
_URL = f"https://{NODE_ADDRESS}:{API_PORT}"


class LocalCluster:
    """A cluster of one node: all processes from etcd to the kubelet, in Linux namespaces of their own."""

    def prerequisites(self) -> None:
        """Install Debian packages and a Go toolchain, and build all programs, so that `up` takes seconds."""
        install(NODE)
        ensure((*CLUSTER, "kubectl", "helm"))

    def up(self) -> None:
        """Start the cluster, unless it runs."""
        if self._is_running():
            say(f"already running; kubeconfig {KUBECONFIG}")
            volumes.recycle(_api())
            return
        self.prerequisites()
        self._remove_remains()
        with step("starting Kubernetes on this machine"):
            try:
                self._start()
            except BaseException:
                say(f"failed; logs are in {LOG}")
                raise
        say(f"running; kubeconfig {KUBECONFIG}, logs {LOG}")

    def down(self) -> None:
        """Stop the cluster of this checkout and delete its state; images and programs in the cache stay."""
        init = own_init_process()
        if init:
            with step("stopping Kubernetes"):
                close_namespaces(init)
                wait_until(volumes.detached, "the loop devices of the small volumes being detached", 20)
        if not init_processes():
            disconnect()
            node.remove_folders()
            kernel_settings.restore()
        for name in _OWN:
            shutil.rmtree(STATE / name, ignore_errors=True)
        for file in (KUBECONFIG, DESCRIPTION, STATE / "init.ready"):
            file.unlink(missing_ok=True)

    def load(self, names: list[str]) -> None:
        """Build the images that have changed, and import them into the node's containerd.

        Raises:
            ClusterError: the cluster does not run.
        """
        init = own_init_process()
        if not self._is_running() or init is None:
            raise ClusterError("the cluster does not run; start it with `python3 -m tools.cluster up`")
        image_loading.load(init, names)

    def status(self) -> dict[str, str]:
        """Return the state of each process, and of the API server."""
        parts = {path.name: _state(path) for path in sorted((STATE / "pids").glob("*"))}
        return {**parts, "API server": "ready" if self._is_running() else "not ready"}

    def _start(self) -> None:
        LOG.mkdir(parents=True, exist_ok=True)
        for log in LOG.glob("*.log"):
            log.unlink()
        folder(CLUSTER, STATE / "bin")
        kernel_settings.save()
        init = open_namespaces()
        connect(init)
        node.prepare_folders(init)
        credentials = make_credentials(STATE / "keys", [NODE_ADDRESS, KUBERNETES_SERVICE])
        plane = ControlPlaneCommands(STATE, credentials, NODE_ADDRESS, API_PORT, 2379, 2380, 10257, SERVICE_RANGE)
        (STATE / "keys" / "admin.token").write_text(credentials.tokens["admin"])
        spawn(init, "etcd", plane.etcd())
        apiserver = spawn(init, "kube-apiserver", plane.apiserver())
        volumes.make_folders(init)
        start_runtime(init)
        api = _api()

        def exited() -> str:
            return "" if runs(apiserver) else f"kube-apiserver has exited (see {LOG / 'kube-apiserver.log'})"

        wait_until(api.ready, "the API server being ready", 90, exited)
        node.start_kubelet(init, plane)
        spawn(init, "kube-controller-manager", plane.controllers(["--enable-hostpath-provisioner"]))
        spawn(init, "kube-scheduler", plane.scheduler())
        node.start_proxy(init, plane)
        node.start_dns(init, plane, api)
        volumes.declare(api)
        self._start_node_controller(init, credentials)
        node.wait_for_node(api)
        wait_until(lambda: api.answers("/api/v1/namespaces/default/serviceaccounts/default"), "service accounts", 30)
        credentials.kubeconfig("admin", plane.url, KUBECONFIG)
        Description.of_local().write()

    @staticmethod
    def _start_node_controller(init: InitProcess, credentials: Credentials) -> None:
        token = STATE / "keys" / "admin.token"
        command = [sys.executable, "-m", "tools.cluster.node_controller", _URL, str(credentials.ca), str(token)]
        spawn(init, "node-controller", command)

    def _remove_remains(self) -> None:
        for init in init_processes():
            replace = os.environ.get("CLUSTER_REPLACE") == "1"
            if not replace and init.root != ROOT and (init.root / ".cluster").exists() and _answers():
                raise ClusterError(
                    f"the cluster of another checkout runs on this machine: process {init.pid} of {init.root}; "
                    f"stop it there with `python3 -m tools.cluster down`, or set CLUSTER_REPLACE=1 to kill it"
                )
            say(f"removing the cluster of {init.root} (process {init.pid})")
            close_namespaces(init)
        self.down()
        BINARIES.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def _is_running() -> bool:
        files = list((STATE / "pids").glob("*"))
        return bool(
            own_init_process() and files and DESCRIPTION.exists() and all(_state(path) == "running" for path in files)
        ) and (_api().ready())


def _api() -> Api:
    keys = STATE / "keys"
    return Api(_URL, keys / "ca.crt", (keys / "admin.token").read_text())


def _answers() -> bool:
    """Return whether an API server of any checkout responds at the node's address."""
    context = ssl._create_unverified_context()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(f"{_URL}/livez", timeout=3) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _state(path: Path) -> str:
    return "running" if runs(int(path.read_text())) else "exited"
