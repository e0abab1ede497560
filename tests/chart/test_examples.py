"""Every example is accepted by an API server with the CRD; objects of other projects are only parsed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tools.cluster.api import wait_until
from tools.cluster.binaries import binary
from tools.cluster.paths import ROOT
from tools.control_plane.control_plane import ControlPlane

EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))
_OTHER_PROJECTS = ("kustomize.toolkit.fluxcd.io/",)


def _kubectl(plane: ControlPlane, *arguments: str, text: str = "") -> None:
    command = [str(binary("kubectl")), f"--kubeconfig={plane.kubeconfig}", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_accepted(example: Path, plane: ControlPlane) -> None:
    _kubectl(plane, "apply", "--server-side", "--force-conflicts", f"--filename={ROOT / 'crds'}")
    served = "/apis/shardwright.io/v1alpha1/shardedcheckpoints"
    wait_until(lambda: plane.api.answers(served), "the CRD being served", 60)
    things = list(yaml.safe_load_all(example.read_text()))
    ours = [thing for thing in things if not thing["apiVersion"].startswith(_OTHER_PROJECTS)]
    for thing in ours:
        thing["metadata"].pop("namespace", None)
    if ours:
        _kubectl(plane, "create", "--dry-run=server", "--filename=-", text=yaml.safe_dump_all(ours))
