"""Imports built images into the node's containerd; layers that it has are not sent again."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from tools.cluster import buildah, images
from tools.cluster.binaries import binary
from tools.cluster.container_runtime import SOCKET, ctr
from tools.cluster.description import IMAGES
from tools.cluster.errors import ClusterError
from tools.cluster.namespaces import InitProcess, inside
from tools.cluster.oci import envelope
from tools.cluster.paths import CACHE, CONTAINERD
from tools.cluster.progress import say, step

_LAYOUT = CACHE / "layout"
_SMALL = 1 << 20
_STORED = CONTAINERD / "io.containerd.content.v1.content" / "blobs" / "sha256"


def load(init: InitProcess, names: list[str]) -> None:
    """Build the images that have changed, and import those that containerd lacks."""
    images_by_name = images.build(names)
    for name, built in images_by_name.items():
        manifest = _manifest(built)
        if manifest and manifest["digest"] in _present(init, IMAGES[name]):
            say(f"image {name} is up to date")
            continue
        with step(f"importing image {name}"):
            if manifest is None:
                buildah.export(built, _LAYOUT, _reference(built))
                manifest = _manifest(built)
            if manifest is None:
                raise ClusterError(f"{built} is missing from {_LAYOUT} after it was written there")
            _import(init, IMAGES[name], manifest)
    _remove_other_tags(list(images_by_name.values()))


def _reference(image: str) -> str:
    return image.rsplit("/", 1)[1].replace(":", "-")


def _manifest(image: str) -> dict[str, Any] | None:
    """Return the descriptor of an image in the layout, None if it or one of its blobs is missing."""
    index = _LAYOUT / "index.json"
    if not index.exists():
        return None
    for entry in json.loads(index.read_text())["manifests"]:
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == _reference(image):
            found = {key: entry[key] for key in ("mediaType", "digest", "size")}
            return found if all(_blob(digest).exists() for digest in _blobs(found)) else None
    return None


def _remove_other_tags(built: list[str]) -> None:
    """Remove earlier versions of these images from the layout, and the blobs that no other image has."""
    index = _LAYOUT / "index.json"
    if not index.exists():
        return
    content = json.loads(index.read_text())
    names = {_reference(image).rsplit("-", 1)[0]: _reference(image) for image in built}
    kept = []
    for entry in content["manifests"]:
        reference = entry.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
        if names.get(reference.rsplit("-", 1)[0], reference) == reference and _blob(entry["digest"]).exists():
            kept.append(entry)
    used = {digest.removeprefix("sha256:") for entry in kept for digest in _blobs(entry)}
    index.write_text(json.dumps({**content, "manifests": kept}))
    for blob in (_LAYOUT / "blobs" / "sha256").iterdir():
        if blob.name not in used:
            blob.unlink()


def _blobs(manifest: dict[str, Any]) -> list[str]:
    content = json.loads(_blob(manifest["digest"]).read_text())
    return [manifest["digest"], content["config"]["digest"], *(layer["digest"] for layer in content["layers"])]


def _blob(digest: str) -> Path:
    return _LAYOUT / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _present(init: InitProcess, image: str) -> str:
    lines = ctr(init, "images", "list", f"name=={image}").splitlines()
    return " ".join(lines[1:])


def _import(init: InitProcess, image: str, manifest: dict[str, Any]) -> None:
    """Import an image without the large layers that containerd has."""
    known = set(ctr(init, "content", "list", "--quiet").split())
    blobs = _blobs(manifest)
    missing = [digest for digest in blobs if digest not in known or _blob(digest).stat().st_size < _SMALL]
    try:
        _stream(init, image, manifest, missing)
    except ClusterError:
        # The list includes blobs of an aborted import, which containerd may garbage-collect at any moment.
        # https://github.com/containerd/containerd/blob/v2.3.7/docs/garbage-collection.md
        if missing == blobs:
            raise
        _stream(init, image, manifest, blobs)
    _share(blobs)


def _stream(init: InitProcess, image: str, manifest: dict[str, Any], digests: list[str]) -> None:
    command = [str(binary("ctr")), f"--address={SOCKET}", "--namespace=k8s.io", "images", "import", "-"]
    importer = subprocess.Popen(
        inside(init, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert importer.stdin is not None
    assert importer.stdout is not None
    try:
        with tarfile.open(fileobj=importer.stdin, mode="w|") as archive:
            for file in envelope(image, manifest):
                archive.addfile(file.header(), io.BytesIO(file.content))
            for digest in digests:
                archive.add(_blob(digest), f"blobs/sha256/{digest.removeprefix('sha256:')}")
        importer.stdin.close()
    except BrokenPipeError:
        pass
    output = importer.stdout.read().decode(errors="replace")
    if importer.wait():
        raise ClusterError(f"importing {image} failed: {output.strip()[-800:]}")


def _share(digests: list[str]) -> None:
    """Hard link the layout's blobs to those of containerd, so that each is stored once."""
    for digest in digests:
        stored, ours = _STORED / digest.removeprefix("sha256:"), _blob(digest)
        if stored.exists() and ours.exists() and not os.path.samefile(stored, ours):
            spare = ours.with_suffix(".shared")
            try:
                os.link(stored, spare)
            except OSError:
                continue
            spare.rename(ours)
