"""Builds the cluster's programs from pinned Go modules, and caches them by the content of the modules' folders."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.locking import exclusive
from tools.cluster.packages import go
from tools.cluster.paths import BINARIES, SOURCES
from tools.cluster.progress import step

_VERSION = "k8s.io/component-base/version"
_KUBERNETES = f"-s -w -X {_VERSION}.gitVersion=v1.36.3 -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36"


@dataclass(frozen=True)
class Family:
    """Programs that are built from one Go module with the versions that it pins."""

    folder: str
    programs: dict[str, str]
    ldflags: str = "-s -w"


FAMILIES = (
    Family(
        "kubernetes",
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kubelet",
                "kube-proxy",
                "kubectl",
            )
        },
        _KUBERNETES,
    ),
    Family("etcd", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Family(
        "containerd",
        {
            name: f"github.com/containerd/containerd/v2/cmd/{name}"
            for name in ("containerd", "containerd-shim-runc-v2", "ctr")
        },
    ),
    Family("pause", {"pause": "."}),
    Family("coredns", {"coredns": "."}),
    Family("helm", {"helm": "helm.sh/helm/v4/cmd/helm"}),
    Family("kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"}),
)
PLANE = ("etcd", "kube-apiserver", "kube-controller-manager")
CLUSTER = (
    *PLANE,
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "pause",
    "coredns",
)


def binary(name: str) -> Path:
    """Return the path of a program, which is built first if it is not in the cache."""
    if name == "kubectl" and (found := shutil.which("kubectl")):
        return Path(found)
    family = next(family for family in FAMILIES if name in family.programs)
    target = BINARIES / f"{family.folder}-{_digest(family)}" / name
    if target.exists():
        os.utime(target)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(BINARIES / f"{family.folder}.lock", f"another build of {family.folder} is running"):
        if not target.exists():
            _build(family, name, target)
    return target


def ensure(names: tuple[str, ...]) -> dict[str, Path]:
    """Build these programs one after the other, since each build uses every core, and return their paths."""
    return {name: binary(name) for name in names}


def folder(names: tuple[str, ...], into: Path) -> Path:
    """Create a folder of links to these programs, for PATH, and return it."""
    into.mkdir(parents=True, exist_ok=True)
    for name, path in ensure(names).items():
        link = into / name
        if not link.is_symlink() or link.resolve() != path:
            link.unlink(missing_ok=True)
            link.symlink_to(path)
    return into


def _build(family: Family, name: str, target: Path) -> None:
    toolchain = go()
    partial = target.with_suffix(".partial")
    command: list[str | Path] = [
        toolchain,
        "build",
        "-buildvcs=false",
        "-ldflags",
        family.ldflags,
        "-o",
        partial,
        family.programs[name],
    ]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    with step(f"building {name} ({family.programs[name]})"):
        for attempt in (1, 2, 3):
            done = subprocess.run(command, cwd=SOURCES / family.folder, env=environment, capture_output=True, text=True)
            if done.returncode == 0:
                break
            if attempt == 3 or ("download" not in done.stderr and "dial" not in done.stderr):
                raise ClusterError(f"building {name} failed:\n{done.stderr.strip()[-2000:]}")
            time.sleep(5)
    partial.rename(target)


def _digest(family: Family) -> str:
    content = hashlib.sha256(family.ldflags.encode())
    for path in sorted((SOURCES / family.folder).iterdir()):
        content.update(path.name.encode() + b"\0" + path.read_bytes())
    return content.hexdigest()[:12]
