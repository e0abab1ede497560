"""Writes OCI image archives, as far as an import into containerd needs them.

https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class ImageFile:
    """A file of an archive; the same bytes result in the same archive."""

    name: str
    content: bytes
    mode: int = 0o644

    def header(self) -> tarfile.TarInfo:
        """Return its tar header, without times or user names."""
        info = tarfile.TarInfo(self.name)
        info.size, info.mode = len(self.content), self.mode
        return info


def single_layer_archive(name: str, layer: bytes, entrypoint: list[str]) -> bytes:
    """Return an image archive with one layer."""
    diff = _digest(layer)
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": entrypoint, "User": "65535:65535"},
            "rootfs": {"type": "layers", "diff_ids": [diff]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(_CONFIG, config),
            "layers": [descriptor(_LAYER, layer)],
        }
    )
    blobs = {_digest(blob): blob for blob in (layer, config, manifest)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in envelope(name, descriptor(MANIFEST, manifest)):
            archive.addfile(file.header(), io.BytesIO(file.content))
        for digest, blob in blobs.items():
            file = ImageFile(f"blobs/sha256/{digest.removeprefix('sha256:')}", blob)
            archive.addfile(file.header(), io.BytesIO(blob))
    return buffer.getvalue()


def envelope(name: str, manifest: dict[str, Any]) -> list[ImageFile]:
    """Return the two files that make a folder of blobs an image layout with this name."""
    annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rsplit(":", 1)[1]}
    index = {"schemaVersion": 2, "manifests": [{**manifest, "annotations": annotations}]}
    return [ImageFile("oci-layout", _json({"imageLayoutVersion": "1.0.0"})), ImageFile("index.json", _json(index))]


def descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    """Return the descriptor of a blob.

    https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
    """
    return {"mediaType": kind, "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True).encode()
