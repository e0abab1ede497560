"""Runs pods to their end: any pod, a shell script on a claim, or the worker on a claim."""

from __future__ import annotations

from tools.testing.kubectl import Kubectl, KubectlError, Object, wait_for
from tools.testing.pod_builders import claim_volume, pod


def run_to_end(kubectl: Kubectl, thing: Object, seconds: float = 300) -> str:
    """Run a pod until it terminates, delete it, and return its log.

    Raises:
        KubectlError: the pod failed; the message has its log.
    """
    name = thing["metadata"]["name"]
    kubectl.delete("pod", name)
    kubectl.apply(thing)
    ended = wait_for(
        lambda: kubectl.read("pod", name),
        lambda one: one["status"].get("phase") in ("Succeeded", "Failed"),
        f"the end of pod {name}",
        seconds,
        lambda one: one["status"],
    )
    log = kubectl.logs(name)
    if ended["status"]["phase"] == "Failed":
        raise KubectlError(f"pod {name} failed: {log}")
    kubectl.delete("pod", name, "--wait=false")
    return log


def run_script(kubectl: Kubectl, claim: str, image: str, script: str, read_only: bool = False) -> str:
    """Run a shell script in a pod that mounts the claim at /CLAIM, and return its output."""
    return _run(kubectl, claim, {"image": image, "command": ["sh", "-euc", script]}, read_only)


def run_worker(kubectl: Kubectl, claim: str, image: str, *arguments: str) -> str:
    """Run the worker in a pod that mounts the claim read-only at /CLAIM, and return its output."""
    return _run(kubectl, claim, {"image": image, "args": list(arguments)}, read_only=True)


def _run(kubectl: Kubectl, claim: str, container: Object, read_only: bool) -> str:
    container["volumeMounts"] = [{"name": claim, "mountPath": f"/{claim}", "readOnly": read_only}]
    return run_to_end(kubectl, pod(f"run-on-{claim}", [container], [claim_volume(claim, read_only)]))
