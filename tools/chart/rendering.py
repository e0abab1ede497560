"""Renders the chart with helm and gives its objects."""

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

# The three ways in which people install it.
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


class Refused(Exception):  # noqa: N818 - helm's verdict
    """What helm says instead of rendering."""


def helm(*arguments: str | Path) -> str:
    """Run helm and give what it prints, or raise what it complains about."""
    done = subprocess.run([binary("helm"), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def sets(values: tuple[str, ...]) -> list[str]:
    """The values as helm's flags."""
    return [word for value in values for word in ("--set", value)]


def render(*values: str, release: str = "shardwright") -> list[Object]:
    """The objects of a release with these values."""
    text = helm("template", release, CHART, "--namespace", NAMESPACE, *sets(values))
    return [thing for thing in yaml.safe_load_all(text) if thing]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """Those of one kind."""
    return [thing for thing in objects if thing["kind"] == kind]


def only(objects: list[Object], kind: str) -> Object:
    """The one object of a kind."""
    (found,) = of_kind(objects, kind)
    return found
