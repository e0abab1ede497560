"""The node's own parts: kubelet, kube-proxy and the cluster's DNS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.cluster.api import Api, wait_until
from tools.cluster.binaries import binary
from tools.cluster.control_plane import ControlPlane
from tools.cluster.namespaces import Holder, run_inside, spawn
from tools.cluster.places import ACCELERATOR, DNS_SERVICE, LOG, NODE, NODE_ADDRESS, POD_RANGE, STATE
from tools.cluster.runtime import SOCKET

CGROUP = "shardwright"
# Folders of the node that would otherwise lie on the machine: place in the node -> place in the cluster's state.
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


def prepare_folders(holder: Holder) -> None:
    """Lay the cluster's own folders over the fixed places the node's parts insist on."""
    for target, source in _FOLDERS.items():
        Path(target).mkdir(parents=True, exist_ok=True)
        (STATE / source).mkdir(parents=True, exist_ok=True)
        run_inside(holder, ["mount", "--bind", str(STATE / source), target])
    for hierarchy in cgroup_roots():
        (hierarchy / CGROUP).mkdir(exist_ok=True)
    for controller in Path("/sys/fs/cgroup").glob(f"cpuset/{CGROUP}"):
        for name in ("cpuset.cpus", "cpuset.mems"):
            (controller / name).write_text((controller.parent / name).read_text())


def remove_folders() -> None:
    """Take away the empty places that `prepare_folders` made on the machine, and the node's control groups."""
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
    """The top of every control group hierarchy of this machine (one with version 2, several with version 1)."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]


def start_kubelet(holder: Holder, plane: ControlPlane) -> None:
    """Start the kubelet; its defaults would evict pods because of the machine's own disk use."""
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
    spawn(holder, "kubelet", command)


def start_proxy(holder: Holder, plane: ControlPlane) -> None:
    """Start kube-proxy in iptables mode, without touching the machine's connection tracking table."""
    config = {
        "kind": "KubeProxyConfiguration",
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "clientConnection": {"kubeconfig": str(plane.kubeconfig("proxy"))},
        "hostnameOverride": NODE,
        "clusterCIDR": POD_RANGE,
        "mode": "iptables",
        "conntrack": {"maxPerCore": 0},
    }
    spawn(holder, "kube-proxy", [str(binary("kube-proxy")), f"--config={_write('proxy.json', config)}"])


def start_dns(holder: Holder, plane: ControlPlane, api: Api) -> None:
    """Start CoreDNS beside the kubelet and give it the Service that pods are told of."""
    path = STATE / "node" / "Corefile"
    path.write_text(_DNS % plane.kubeconfig("dns"))
    spawn(holder, "coredns", [str(binary("coredns")), f"-conf={path}"])
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
    """Wait until the node is Ready and pods may land on it."""

    def ready() -> bool:
        if not api.answers(f"/api/v1/nodes/{NODE}"):
            return False
        node = api.call("GET", f"/api/v1/nodes/{NODE}")
        conditions = {item["type"]: item["status"] for item in node["status"].get("conditions", [])}
        offered = node["status"].get("allocatable", {}).get(ACCELERATOR)
        return conditions.get("Ready") == "True" and bool(offered) and not node["spec"].get("taints")

    wait_until(ready, f"the node being Ready (see {LOG / 'kubelet.log'})", 90)


def _write(name: str, content: dict[str, Any]) -> Path:
    path = STATE / "node" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))
    return path
