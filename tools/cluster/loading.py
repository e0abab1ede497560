"""Brings built images into the node's container runtime, layer by layer, each only once."""

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
from tools.cluster.description import IMAGES
from tools.cluster.namespaces import Holder, inside
from tools.cluster.oci import envelope
from tools.cluster.places import CACHE, CONTAINERD
from tools.cluster.report import ClusterError, say, step
from tools.cluster.runtime import SOCKET, ctr

_LAYOUT = CACHE / "layout"
_SMALL = 1 << 20
_STORED = CONTAINERD / "io.containerd.content.v1.content" / "blobs" / "sha256"


def load(holder: Holder, names: list[str]) -> None:
    """Build what changed and import what the runtime lacks."""
    images_by_name = images.build(names)
    for name, built in images_by_name.items():
        manifest = _manifest(built)
        if manifest and manifest["digest"] in _present(holder, IMAGES[name]):
            say(f"image {name} is in the cluster")
            continue
        with step(f"bringing image {name} into the cluster"):
            if manifest is None:
                buildah.export(built, _LAYOUT, _reference(built))
                manifest = _manifest(built)
            if manifest is None:
                raise ClusterError(f"{built} is missing from {_LAYOUT} after it was written there")
            _import(holder, IMAGES[name], manifest)
    _forget_others(list(images_by_name.values()))


def _reference(image: str) -> str:
    return image.rsplit("/", 1)[1].replace(":", "-")


def _manifest(image: str) -> dict[str, Any] | None:
    """The descriptor of an image that was written into the layout earlier, if its layers are still there."""
    index = _LAYOUT / "index.json"
    if not index.exists():
        return None
    for entry in json.loads(index.read_text())["manifests"]:
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == _reference(image):
            found = {key: entry[key] for key in ("mediaType", "digest", "size")}
            return found if all(_blob(digest).exists() for digest in _blobs(found)) else None
    return None


def _forget_others(built: list[str]) -> None:
    """Remove earlier versions of these images from the layout, and the blobs that only they had."""
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


def _present(holder: Holder, image: str) -> str:
    lines = ctr(holder, "images", "list", f"name=={image}").splitlines()
    return " ".join(lines[1:])


def _import(holder: Holder, image: str, manifest: dict[str, Any]) -> None:
    """Import what is missing; a layer that containerd has is left out."""
    known = set(ctr(holder, "content", "list", "--quiet").split())
    blobs = _blobs(manifest)
    missing = [digest for digest in blobs if digest not in known or _blob(digest).stat().st_size < _SMALL]
    try:
        _stream(holder, image, manifest, missing)
    except ClusterError:
        # What a broken import left behind is listed too, until containerd collects it under our feet.
        if missing == blobs:
            raise
        _stream(holder, image, manifest, blobs)
    _share(blobs)


def _stream(holder: Holder, image: str, manifest: dict[str, Any], wanted: list[str]) -> None:
    command = [str(binary("ctr")), f"--address={SOCKET}", "--namespace=k8s.io", "images", "import", "-"]
    importer = subprocess.Popen(
        inside(holder, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert importer.stdin is not None
    assert importer.stdout is not None
    try:
        with tarfile.open(fileobj=importer.stdin, mode="w|") as archive:
            for file in envelope(image, manifest):
                archive.addfile(file.header(), io.BytesIO(file.content))
            for digest in wanted:
                archive.add(_blob(digest), f"blobs/sha256/{digest.removeprefix('sha256:')}")
        importer.stdin.close()
    except BrokenPipeError:
        pass
    said = importer.stdout.read().decode(errors="replace")
    if importer.wait():
        raise ClusterError(f"importing {image} failed: {said.strip()[-800:]}")


def _share(digests: list[str]) -> None:
    """Let the layout and containerd share the bytes of a blob instead of keeping them twice."""
    for digest in digests:
        stored, ours = _STORED / digest.removeprefix("sha256:"), _blob(digest)
        if stored.exists() and ours.exists() and not os.path.samefile(stored, ours):
            spare = ours.with_suffix(".shared")
            try:
                os.link(stored, spare)
            except OSError:
                continue
            spare.rename(ours)
