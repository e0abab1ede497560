"""The cluster that the present kubeconfig points at: nothing is installed in it, nothing of it is removed."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace

from tools.cluster.binaries import binary
from tools.cluster.description import IMAGES, Description
from tools.cluster.places import DESCRIPTION, KUBECONFIG, STATE
from tools.cluster.report import ClusterError, say


class CurrentCluster:
    """Images come from a registry the cluster reaches: SHARDWRIGHT_IMAGE_PREFIX=registry/project."""

    def prerequisites(self) -> None:
        """kubectl is all it takes."""
        binary("kubectl")

    def up(self) -> None:
        """Copy the present context's kubeconfig and note what tests may use."""
        STATE.mkdir(exist_ok=True)
        text = self._kubectl("config", "view", "--raw", "--minify", "--flatten")
        KUBECONFIG.write_text(text)
        KUBECONFIG.chmod(0o600)
        prefix = os.environ.get("SHARDWRIGHT_IMAGE_PREFIX", "")
        names = {name: f"{prefix}/{name}:dev" if prefix else image for name, image in IMAGES.items()}
        description = replace(
            Description.of_local("current"),
            images=names,
            storage_class=os.environ.get("SHARDWRIGHT_STORAGE_CLASS", ""),
            small_storage_class="",
            root_owned_storage_class="",
        )
        description.write()
        say("using the cluster of the present kubeconfig as it is")

    def down(self) -> None:
        """Forget the copy of the kubeconfig; the cluster stays."""
        for file in (KUBECONFIG, DESCRIPTION):
            file.unlink(missing_ok=True)

    def load(self, names: list[str]) -> None:
        """Images cannot be put into a foreign cluster from here, only be found in its registry."""
        if not os.environ.get("SHARDWRIGHT_IMAGE_PREFIX"):
            raise ClusterError(
                f"CLUSTER=current pulls images: push {', '.join(names)} to a registry, set SHARDWRIGHT_IMAGE_PREFIX"
            )

    def status(self) -> dict[str, str]:
        """Whether the API server answers."""
        try:
            self._kubectl("get", "--raw", "/readyz")
        except ClusterError as error:
            return {"API server": f"not ready ({error})"}
        return {"API server": "ready"}

    @staticmethod
    def _kubectl(*arguments: str) -> str:
        if not shutil.which("kubectl"):
            raise ClusterError("CLUSTER=current needs kubectl and a kubeconfig")
        done = subprocess.run(["kubectl", *arguments], capture_output=True, text=True)
        if done.returncode:
            raise ClusterError(done.stderr.strip()[-400:])
        return done.stdout
