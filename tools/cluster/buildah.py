"""Builds images without a container engine: buildah in a chroot, on a Debian base image that is made here."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.packages import IMAGES, install
from tools.cluster.paths import CACHE, ROOT
from tools.cluster.progress import step

_STORE = CACHE / "buildah"
# Settings of this machine that a build may need to reach the package index; they are not stored in the image.
_SITE_ARGUMENTS = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "SSL_CERT_FILE")
_SITE_FILES = ("/etc/ssl/certs", "/etc/pip.conf", "/etc/uv")
# Both programs bind mount their store and do not unmount it.
_MOUNT_NAMESPACE = ("unshare", "--mount")


def prerequisites() -> None:
    """Install buildah, skopeo and mmdebstrap."""
    install(IMAGES)


def has(image: str) -> bool:
    """Return whether the store has this image."""
    return _run(["inspect", "--type", "image", "--format", "{{.FromImageID}}", image], check=False) == 0


def remove_other_tags(image: str) -> None:
    """Remove the images of the same name with other tags: each holds a copy of the layers that changed."""
    name, tag = image.rsplit(":", 1)
    for line in _output(["images", "--format", "{{.Name}} {{.Tag}}"]).splitlines():
        if line.split()[0] == name and line.split()[1] not in (tag, "<none>"):
            _run(["rmi", f"{name}:{line.split()[1]}"], check=False)


def debian(content: tuple[str, ...]) -> str:
    """Return an image of a minimal Debian release with some packages, which is built once."""
    release, *packages = content
    image = f"shardwright.local/base:{hashlib.sha256(' '.join(content).encode()).hexdigest()[:16]}"
    if has(image):
        return image
    archive = CACHE / "base.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with step(f"making a Debian {release} base image"):
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={','.join(packages)}",
            release,
            str(archive),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ClusterError(f"mmdebstrap failed: {done.stderr.strip()[-800:]}")
        _run(["from", "--name", "debian-base", "scratch"])
        try:
            _run(["add", "debian-base", str(archive)])
            _run(["config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "debian-base"])
            _run(["config", "--env", "LANG=C.UTF-8", "debian-base"])
            _run(["commit", "--quiet", "debian-base", image])
        finally:
            _run(["rm", "debian-base"], check=False)
            archive.unlink(missing_ok=True)
    return image


def build(dockerfile: str, ignored: str, target: str, image: str, arguments: dict[str, str]) -> None:
    """Build one target of a Dockerfile of this repository, from base images in the store."""
    command = ["build", "--pull-never", "--layers", "--format", "oci", "--file", dockerfile, "--ignorefile", ignored]
    command += ["--target", target] if target else []
    site = {name: os.environ[name] for name in _SITE_ARGUMENTS if os.environ.get(name)}
    for name, value in {**site, **arguments}.items():
        command += ["--build-arg", f"{name}={value}"]
    for path in _SITE_FILES:
        if Path(path).exists():
            command += ["--volume", f"{path}:{path}:ro"]
    # The same downloads as for the development environment.
    downloads = Path(os.environ.get("UV_CACHE_DIR") or CACHE.parent / "uv")
    downloads.mkdir(parents=True, exist_ok=True)
    command += ["--volume", f"{downloads}:/root/.cache/uv", "--tag", image, str(ROOT)]
    _run(command)


def export(image: str, layout: Path, name: str) -> None:
    """Write an image to an OCI layout, uncompressed; blobs that exist in it are not copied.

    https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
    """
    layout.parent.mkdir(parents=True, exist_ok=True)
    source = f"containers-storage:[overlay@{_STORE / 'root'}+{_STORE / 'run'}]{image}"
    # `buildah push` compresses, which takes most of the time for a layer of 6 GB.
    command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--dest-oci-accept-uncompressed-layers"]
    done = subprocess.run([*_MOUNT_NAMESPACE, *command, source, f"oci:{layout}:{name}"], capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(f"skopeo copy of {image} failed: {done.stderr.strip()[-800:]}")


def _run(arguments: list[str], check: bool = True) -> int:
    """Run buildah on our own store, with its output in a log file, and return its exit code."""
    log = _STORE / "buildah.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w" if check else "a") as output:
        done = subprocess.run(_command(arguments), env=_environment(), cwd=ROOT, stdout=output, stderr=output)
    if check and done.returncode:
        raise ClusterError(f"buildah {arguments[0]} failed (log {log}):\n{log.read_text().strip()[-1500:]}")
    return done.returncode


def _output(arguments: list[str]) -> str:
    return subprocess.run(_command(arguments), env=_environment(), capture_output=True, text=True).stdout


def _command(arguments: list[str]) -> list[str]:
    store = ["--root", str(_STORE / "root"), "--runroot", str(_STORE / "run"), "--storage-driver", "overlay"]
    return [*_MOUNT_NAMESPACE, "buildah", *store, *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "BUILDAH_ISOLATION": "chroot"}
