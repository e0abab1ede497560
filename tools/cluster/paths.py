"""Paths, names and addresses of the local cluster."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".cluster"
LOG = STATE / "log"
KUBECONFIG = STATE / "kubeconfig"
DESCRIPTION = STATE / "cluster.json"
SOURCES = Path(__file__).resolve().parent / "go"

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shardwright"
BINARIES = CACHE / "bin"
# Images stay when the cluster is stopped: unpacking the engine image takes most of the time of a start.
CONTAINERD = CACHE / "containerd"

NODE = "shardwright"
HOST_ADDRESS = "10.231.7.1"
NODE_ADDRESS = "10.231.7.2"
HOST_INTERFACE = "shardwright0"
POD_RANGE = "10.232.0.0/16"
SERVICE_RANGE = "10.233.0.0/16"
KUBERNETES_SERVICE = "10.233.0.1"
DNS_SERVICE = "10.233.0.10"
API_PORT = 6443

ACCELERATOR = "nvidia.com/gpu"
ACCELERATORS = 8
