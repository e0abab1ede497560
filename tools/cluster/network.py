"""The network of the node: its link to the machine, its routes, and the bridge of its pods."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tools.cluster.namespaces import InitProcess, run_inside
from tools.cluster.paths import HOST_ADDRESS, HOST_INTERFACE, NODE_ADDRESS, POD_RANGE, SERVICE_RANGE, STATE

_INSIDE = f"""
set -e
ip link set lo up
ip address add {NODE_ADDRESS}/30 dev eth0
ip link set eth0 up
# Nothing outside is reachable: image pulls and DNS queries fail at once instead of timing out.
ip route add unreachable default
ip route add {SERVICE_RANGE} dev eth0
for setting in net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables net/ipv4/conf/all/route_localnet; do
  if [ -e /proc/sys/$setting ]; then echo 1 > /proc/sys/$setting; fi
done
"""


def connect(init: InitProcess) -> None:
    """Create a pair of veth interfaces between the machine and the node, and the node's routes."""
    disconnect()
    peer = ["peer", "name", "eth0", "netns", str(init.pid)]
    for command in (
        ["ip", "link", "add", HOST_INTERFACE, "type", "veth", *peer],
        ["ip", "address", "add", f"{HOST_ADDRESS}/30", "dev", HOST_INTERFACE],
        ["ip", "link", "set", HOST_INTERFACE, "up"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    run_inside(init, ["sh", "-c", _INSIDE])


def disconnect() -> None:
    """Remove the machine's interface, which a killed node may have left."""
    if Path(f"/sys/class/net/{HOST_INTERFACE}").exists():
        subprocess.run(["ip", "link", "delete", HOST_INTERFACE], capture_output=True)


def write_pod_network() -> Path:
    """Write the CNI configuration, a bridge within the node's network namespace, and return its folder.

    https://github.com/containernetworking/cni/blob/v1.3.0/SPEC.md#section-1-network-configuration-format
    https://www.cni.dev/plugins/current/main/bridge/
    """
    folder = STATE / "node" / "cni"
    folder.mkdir(parents=True, exist_ok=True)
    addresses = {
        "type": "host-local",
        "dataDir": "/run/cni",
        "ranges": [[{"subnet": POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "pods0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": addresses,
    }
    plugins = [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]
    content = {"cniVersion": "1.0.0", "name": "pods", "plugins": plugins}
    (folder / "10-pods.conflist").write_text(json.dumps(content, indent=2))
    return folder
