"""Runs kubectl for the demo and the end-to-end tests, as a user does."""

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
    """kubectl failed; the message is what it wrote to stderr."""


class Kubectl:
    """kubectl with a kubeconfig and a namespace."""

    def __init__(self, kubeconfig: str | Path, namespace: str = "default") -> None:
        self.kubeconfig, self.namespace = str(kubeconfig), namespace

    def within(self, namespace: str) -> Kubectl:
        """Return a client of the same cluster with another namespace."""
        return Kubectl(self.kubeconfig, namespace)

    def run(self, *arguments: str, text: str = "") -> str:
        """Run kubectl with `text` on stdin, and return what it prints.

        Raises:
            KubectlError: kubectl failed.
        """
        command = [str(binary("kubectl")), f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}"]
        done = subprocess.run([*command, *arguments], input=text, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, *things: Object, flags: tuple[str, ...] = ()) -> str:
        """Run `kubectl apply` with these objects."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)})
        return self.run("apply", *flags, "--filename=-", text=text)

    def get(self, kind: str, name: str) -> Object | None:
        """Return one object, None if it does not exist."""
        text = self.run("get", kind, name, "--output=json", "--ignore-not-found")
        return json.loads(text) if text else None

    def read(self, kind: str, name: str) -> Object:
        """Return one object that exists."""
        found: Object = json.loads(self.run("get", kind, name, "--output=json"))
        return found

    def list(self, kind: str, selector: str = "") -> list[Object]:
        """Return the objects that match a label selector."""
        flags = [f"--selector={selector}"] if selector else []
        items: list[Object] = json.loads(self.run("get", kind, *flags, "--output=json"))["items"]
        return items

    def delete(self, kind: str, name: str, *flags: str) -> None:
        """Delete an object, if it exists."""
        self.run("delete", kind, name, "--ignore-not-found", *flags)

    def logs(self, pod: str) -> str:
        """Return the logs of all containers of a pod."""
        return self.run("logs", pod, "--all-containers", "--prefix=false")

    def create_namespace(self, restricted: bool = True) -> None:
        """Create this namespace; `restricted` enforces that Pod Security Standard in it.

        https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
        """
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
    """Read once a second until the value is `done`, and return it.

    Raises:
        AssertionError: it is not after `seconds`; the message describes the last value.
    """
    give_up = time.monotonic() + seconds
    while True:
        value = read()
        if done(value):
            return value
        if time.monotonic() > give_up:
            raise AssertionError(f"{what} did not happen within {seconds:.0f} s; it is: {describe(value)}")
        time.sleep(1)
