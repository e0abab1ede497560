"""The cluster's storage: the classes `local`, `root-owned` and `small`, their volumes, and the recycling of volumes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tools.cluster.api import Api
from tools.cluster.namespaces import InitProcess, run_inside
from tools.cluster.paths import NODE, STATE

VOLUMES = STATE / "volumes"
LOCAL, SMALL = 24, 4
SMALL_BYTES = 64 << 20
_CLASSES = {
    "local": "kubernetes.io/no-provisioner",
    "small": "kubernetes.io/no-provisioner",
    # The host path provisioner creates folders of root to which fsGroup does not apply, as with many NFS servers.
    # https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/volume/hostpath/host_path.go
    "root-owned": "kubernetes.io/host-path",
}


def make_folders(init: InitProcess) -> None:
    """Create the folders of the volumes; the small ones are file systems of 64 MiB, for tests of a full disk."""
    for number in range(LOCAL):
        (VOLUMES / "local" / str(number)).mkdir(parents=True)
    for number in range(SMALL):
        image, folder = VOLUMES / f"small-{number}.img", VOLUMES / "small" / str(number)
        folder.mkdir(parents=True)
        with open(image, "wb") as file:
            file.truncate(SMALL_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True, capture_output=True)
        run_inside(init, ["mount", "-o", "loop", str(image), str(folder)])


def declare(api: Api, node: str = NODE, root_owned: bool = True) -> None:
    """Create the storage classes and volumes."""
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
        # Their capacity exceeds that of the file system, as on an over-committed server.
        _declare_volume(api, node, "small", number, "1Gi")


def recycle(api: Api) -> int:
    """Empty the volumes whose claim was deleted and make them available again; return their number."""
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
    """Return whether the kernel has detached the loop devices of the small volumes, which it does with a delay."""
    files = Path("/sys/block").glob("loop*/loop/backing_file")
    return not any(file.read_text().startswith(str(VOLUMES)) for file in files)


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
