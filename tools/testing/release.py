"""Installs the chart into a cluster with helm, with the images that were built here."""

from __future__ import annotations

import subprocess
import time

from tools.cluster.binaries import binary
from tools.cluster.description import Description
from tools.cluster.paths import ROOT
from tools.testing.kubectl import Kubectl, KubectlError

NAMESPACE = "shardwright-system"
RELEASE = "shardwright"
DEPLOYMENT = "deployment/shardwright"


def install(cluster: Description, *values: str) -> Kubectl:
    """Install or upgrade the release, wait until the operator is ready, and return a client of its namespace.

    Raises:
        KubectlError: helm or the rollout failed.
    """
    system = Kubectl(cluster.kubeconfig, NAMESPACE)
    system.create_namespace()
    repository, _, tag = cluster.images["operator"].rpartition(":")
    settings = (
        f"image.repository={repository}",
        f"image.tag={tag}",
        f"worker.engineImage={cluster.images['worker-engine']}",
        f"worker.prepareImage={cluster.images['worker-prepare']}",
        # The tag of images built here does not change: a new annotation restarts the pods with the newest image.
        f"podAnnotations.installed={time.time_ns()}",
        *values,
    )
    command = ["upgrade", "--install", RELEASE, str(ROOT / "charts" / "shardwright"), f"--namespace={NAMESPACE}"]
    command += [f"--kubeconfig={cluster.kubeconfig}"]
    text = ("image.tag=", "podAnnotations.")
    for setting in settings:
        command += ["--set-string" if setting.startswith(text) else "--set", setting]
    done = subprocess.run([str(binary("helm")), *command], capture_output=True, text=True)
    if done.returncode:
        raise KubectlError(f"helm {' '.join(command)}: {done.stderr.strip()}")
    system.run("rollout", "status", DEPLOYMENT, "--timeout=300s")
    return system
