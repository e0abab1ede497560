"""The processes of the node: kubelet, kube-proxy and CoreDNS; its folders and control groups."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.cluster.api import Api, wait_until
from tools.cluster.binaries import binary
from tools.cluster.container_runtime import SOCKET
from tools.cluster.control_plane_commands import ControlPlaneCommands
from tools.cluster.namespaces import InitProcess, run_inside, spawn
from tools.cluster.paths import ACCELERATOR, DNS_SERVICE, LOG, NODE, NODE_ADDRESS, POD_RANGE, STATE

CGROUP = "shardwright"
# Folders with a fixed path: path in the node -> path in the cluster's state.
_FOLDERS = {
    "/var/lib/kubelet": "node/kubelet",
    "/var/log/containers": "node/containers",
    "/tmp/hostpath_pv": "volumes/root-owned",
}
_DNS = """.:53 {
    errors
    cache 5
    loadbalance
    kubernetes cluster.local in-addr.arpa {
        kubeconfig %s
    }
    template ANY ANY . {
        rcode NXDOMAIN
    }
}
"""


def prepare_folders(init: InitProcess) -> None:
    """Bind mount folders of the cluster's state at the fixed paths, and create the node's control groups."""
    for target, source in _FOLDERS.items():
        Path(target).mkdir(parents=True, exist_ok=True)
        (STATE / source).mkdir(parents=True, exist_ok=True)
        run_inside(init, ["mount", "--bind", str(STATE / source), target])
    for hierarchy in cgroup_roots():
        (hierarchy / CGROUP).mkdir(exist_ok=True)
    for controller in Path("/sys/fs/cgroup").glob(f"cpuset/{CGROUP}"):
        for name in ("cpuset.cpus", "cpuset.mems"):
            (controller / name).write_text((controller.parent / name).read_text())


def remove_folders() -> None:
    """Remove the empty mount points and the control groups that `prepare_folders` created on the machine."""
    for target in _FOLDERS:
        try:
            Path(target).rmdir()
        except OSError:
            pass
    for hierarchy in cgroup_roots():
        groups = [path for path in (hierarchy / CGROUP).rglob("*") if path.is_dir()]
        for group in sorted([hierarchy / CGROUP, *groups], key=lambda path: -len(path.parts)):
            try:
                group.rmdir()
            except OSError:
                pass


def cgroup_roots() -> list[Path]:
    """Return the root of every control group hierarchy: one with version 2, several with version 1."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]


def start_kubelet(init: InitProcess, plane: ControlPlaneCommands) -> None:
    """Start the kubelet, with eviction thresholds low enough for a machine whose disk is nearly full.

    https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
    """
    config = {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(plane.credentials.ca)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "maxPods": 110,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0.1%", "imagefs.available": "0.1%"},
        "nodeStatusUpdateFrequency": "5s",
        "podLogsDir": str(STATE / "node" / "pods"),
        "shutdownGracePeriod": "0s",
        "registerNode": True,
    }
    path = _write("kubelet.json", config)
    command = [
        str(binary("kubelet")),
        f"--config={path}",
        f"--kubeconfig={plane.kubeconfig('kubelet')}",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_ADDRESS}",
        "--root-dir=/var/lib/kubelet",
    ]
    spawn(init, "kubelet", command)


def start_proxy(init: InitProcess, plane: ControlPlaneCommands) -> None:
    """Start kube-proxy in iptables mode, without a change of the machine's connection tracking table.

    https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/
    """
    config = {
        "kind": "KubeProxyConfiguration",
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "clientConnection": {"kubeconfig": str(plane.kubeconfig("proxy"))},
        "hostnameOverride": NODE,
        "clusterCIDR": POD_RANGE,
        "mode": "iptables",
        "conntrack": {"maxPerCore": 0},
    }
    spawn(init, "kube-proxy", [str(binary("kube-proxy")), f"--config={_write('proxy.json', config)}"])


def start_dns(init: InitProcess, plane: ControlPlaneCommands, api: Api) -> None:
    """Start CoreDNS on the node, and create its Service, whose address is in the kubelet's configuration."""
    path = STATE / "node" / "Corefile"
    path.write_text(_DNS % plane.kubeconfig("dns"))
    spawn(init, "coredns", [str(binary("coredns")), f"-conf={path}"])
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    metadata = {"name": "kube-dns", "namespace": "kube-system"}
    service = {"clusterIP": DNS_SERVICE, "ports": ports}
    api.apply(
        "/api/v1/namespaces/kube-system/services/kube-dns",
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
    )
    api.apply(
        "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns",
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
            "ports": ports,
        },
    )


def wait_for_node(api: Api) -> None:
    """Wait until the node is Ready, has accelerators and no taints."""

    def ready() -> bool:
        if not api.answers(f"/api/v1/nodes/{NODE}"):
            return False
        node = api.call("GET", f"/api/v1/nodes/{NODE}")
        conditions = {item["type"]: item["status"] for item in node["status"].get("conditions", [])}
        accelerators = node["status"].get("allocatable", {}).get(ACCELERATOR)
        return conditions.get("Ready") == "True" and bool(accelerators) and not node["spec"].get("taints")

    wait_until(ready, f"the node being Ready (see {LOG / 'kubelet.log'})", 90)


def _write(name: str, content: dict[str, Any]) -> Path:
    path = STATE / "node" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))
    return path
