"""The cluster's storage: classes `local`, `root-owned` and `small`, their volumes, and making used ones new again."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tools.cluster.api import Api
from tools.cluster.namespaces import Holder, run_inside
from tools.cluster.places import NODE, STATE

VOLUMES = STATE / "volumes"
LOCAL, SMALL = 24, 4
SMALL_BYTES = 64 << 20
_CLASSES = {
    "local": "kubernetes.io/no-provisioner",
    "small": "kubernetes.io/no-provisioner",
    # The controller manager's provisioner makes folders of root that fsGroup does not touch, as many NFS servers do.
    "root-owned": "kubernetes.io/host-path",
}


def make_folders(holder: Holder) -> None:
    """The folders behind the volumes; the small ones are file systems of 64 MiB, to run out of space on."""
    for number in range(LOCAL):
        (VOLUMES / "local" / str(number)).mkdir(parents=True)
    for number in range(SMALL):
        image, folder = VOLUMES / f"small-{number}.img", VOLUMES / "small" / str(number)
        folder.mkdir(parents=True)
        with open(image, "wb") as file:
            file.truncate(SMALL_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True, capture_output=True)
        run_inside(holder, ["mount", "-o", "loop", str(image), str(folder)])


def declare(api: Api, node: str = NODE, root_owned: bool = True) -> None:
    """Tell the cluster of its classes and volumes."""
    for name, provisioner in _CLASSES.items():
        if name == "root-owned" and not root_owned:
            continue
        api.apply(
            f"/apis/storage.k8s.io/v1/storageclasses/{name}",
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": name, "annotations": _default(name == "local")},
                "provisioner": provisioner,
                "volumeBindingMode": "Immediate" if name == "root-owned" else "WaitForFirstConsumer",
                "reclaimPolicy": "Delete",
            },
        )
    for number in range(LOCAL):
        _declare_volume(api, node, "local", number, "20Gi")
    for number in range(SMALL):
        # They promise more than they hold, as an over-committed server does: only the file system tells.
        _declare_volume(api, node, "small", number, "1Gi")


def recycle(api: Api) -> int:
    """Empty the volumes whose claim is gone and offer them again; gives how many."""
    volumes = api.call("GET", "/api/v1/persistentvolumes")["items"]
    released = [
        volume for volume in volumes if volume["status"].get("phase") == "Released" and "local" in volume["spec"]
    ]
    for volume in released:
        _empty(Path(volume["spec"]["local"]["path"]))
        path = f"/api/v1/persistentvolumes/{volume['metadata']['name']}"
        api.call("PATCH", path, {"spec": {"claimRef": None}}, "application/merge-patch+json")
    return len(released)


def detached() -> bool:
    """Whether the kernel has let go of the files behind the small volumes; it does so a little late."""
    behind = Path("/sys/block").glob("loop*/loop/backing_file")
    return not any(file.read_text().startswith(str(VOLUMES)) for file in behind)


def _declare_volume(api: Api, node: str, storage_class: str, number: int, size: str) -> None:
    name, folder = f"{storage_class}-{number:02d}", VOLUMES / storage_class / str(number)
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]
    spec: dict[str, Any] = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": storage_class,
        "local": {"path": str(folder)},
        "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
    }
    thing = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}
    api.apply(f"/api/v1/persistentvolumes/{name}", thing)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name == "lost+found":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    os.chown(folder, 0, 0)
    folder.chmod(0o755)


def _default(yes: bool) -> dict[str, str]:
    return {"storageclass.kubernetes.io/is-default-class": str(yes).lower()}
