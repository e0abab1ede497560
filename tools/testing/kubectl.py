"""Talks to a cluster as a person does, with kubectl: what the demo and the end-to-end tests share."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tools.cluster.binaries import binary

Object = dict[str, Any]
T = TypeVar("T")


class KubectlError(Exception):
    """What kubectl complained about."""


class Kubectl:
    """kubectl with a kubeconfig and a namespace."""

    def __init__(self, kubeconfig: str | Path, namespace: str = "default") -> None:
        self.kubeconfig, self.namespace = str(kubeconfig), namespace

    def within(self, namespace: str) -> Kubectl:
        """The same cluster, another namespace."""
        return Kubectl(self.kubeconfig, namespace)

    def run(self, *arguments: str, text: str = "") -> str:
        """Run kubectl and give what it prints."""
        command = [str(binary("kubectl")), f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}"]
        done = subprocess.run([*command, *arguments], input=text, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, *things: Object, flags: tuple[str, ...] = ()) -> str:
        """`kubectl apply` of these objects."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)})
        return self.run("apply", *flags, "--filename=-", text=text)

    def get(self, kind: str, name: str) -> Object | None:
        """One object, None if it is not there."""
        text = self.run("get", kind, name, "--output=json", "--ignore-not-found")
        return json.loads(text) if text else None

    def read(self, kind: str, name: str) -> Object:
        """One object that has to be there."""
        found: Object = json.loads(self.run("get", kind, name, "--output=json"))
        return found

    def list(self, kind: str, selector: str = "") -> list[Object]:
        """The objects that a label selector chooses."""
        flags = [f"--selector={selector}"] if selector else []
        items: list[Object] = json.loads(self.run("get", kind, *flags, "--output=json"))["items"]
        return items

    def delete(self, kind: str, name: str, *flags: str) -> None:
        """Delete an object, if it is there."""
        self.run("delete", kind, name, "--ignore-not-found", *flags)

    def logs(self, pod: str) -> str:
        """What a pod's containers have written."""
        return self.run("logs", pod, "--all-containers", "--prefix=false")

    def create_namespace(self, restricted: bool = True) -> None:
        """Create this namespace, with the restricted Pod Security level enforced."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"} if restricted else {}
        thing = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}}
        self.apply(thing)


def wait_for(
    read: Callable[[], T],
    done: Callable[[T], bool],
    what: str,
    seconds: float = 300,
    describe: Callable[[T], object] = repr,
) -> T:
    """Read once a second until it is as wanted; what was read last is in the error."""
    give_up = time.monotonic() + seconds
    while True:
        value = read()
        if done(value):
            return value
        if time.monotonic() > give_up:
            raise AssertionError(f"{what} did not happen within {seconds:.0f} s; it is: {describe(value)}")
        time.sleep(1)
