"""The cluster of the present kubeconfig, in which nothing is installed and of which nothing is removed."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace

from tools.cluster.binaries import binary
from tools.cluster.description import IMAGES, Description
from tools.cluster.errors import ClusterError
from tools.cluster.paths import DESCRIPTION, KUBECONFIG, STATE
from tools.cluster.progress import say


class CurrentCluster:
    """An existing cluster, which pulls images from a registry: SHARDWRIGHT_IMAGE_PREFIX=registry/project."""

    def prerequisites(self) -> None:
        """Find or build kubectl."""
        binary("kubectl")

    def up(self) -> None:
        """Copy the present context's kubeconfig, and write the description for the tests."""
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
        say("using the cluster of the present kubeconfig")

    def down(self) -> None:
        """Delete the copy of the kubeconfig; the cluster is not changed."""
        for file in (KUBECONFIG, DESCRIPTION):
            file.unlink(missing_ok=True)

    def load(self, names: list[str]) -> None:
        """Check that a registry is configured; the images have to be pushed to it beforehand.

        Raises:
            ClusterError: SHARDWRIGHT_IMAGE_PREFIX is not set.
        """
        if not os.environ.get("SHARDWRIGHT_IMAGE_PREFIX"):
            raise ClusterError(
                f"CLUSTER=current pulls images: push {', '.join(names)} to a registry and set SHARDWRIGHT_IMAGE_PREFIX"
            )

    def status(self) -> dict[str, str]:
        """Return the state of the API server."""
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
