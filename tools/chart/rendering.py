"""Renders the chart with helm, and returns its objects."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tools.cluster.binaries import binary
from tools.cluster.paths import ROOT

CHART = ROOT / "charts" / "shardwright"
NAMESPACE = "shardwright-system"
Object = dict[str, Any]

# The installation modes that are tested: values by mode.
MODES: dict[str, tuple[str, ...]] = {
    "cluster-wide": (),
    "two replicas": (
        "replicas=2",
        "networkPolicy.enabled=true",
        "metrics.serviceMonitor.enabled=true",
        "metrics.podMonitor.enabled=true",
    ),
    "namespaced": ("watchNamespaces={models,staging}", "rbac.aggregateRoles=false", "crds.enabled=false"),
}


class HelmError(Exception):
    """helm failed; the message is its output."""


def helm(*arguments: str | Path) -> str:
    """Run helm, and return what it prints.

    Raises:
        HelmError: helm failed.
    """
    done = subprocess.run([binary("helm"), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise HelmError(done.stderr + done.stdout)
    return done.stdout


def set_flags(values: tuple[str, ...]) -> list[str]:
    """Return the values as flags of helm."""
    return [word for value in values for word in ("--set", value)]


def render(*values: str, release: str = "shardwright") -> list[Object]:
    """Return the objects of a release with these values."""
    text = helm("template", release, CHART, "--namespace", NAMESPACE, *set_flags(values))
    return [thing for thing in yaml.safe_load_all(text) if thing]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """Return the objects of one kind."""
    return [thing for thing in objects if thing["kind"] == kind]


def only(objects: list[Object], kind: str) -> Object:
    """Return the only object of a kind."""
    (found,) = of_kind(objects, kind)
    return found
