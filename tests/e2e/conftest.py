"""The operator, a namespace with models in it, and all the resources that the chosen tests mark, begun side by side."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tools.cluster.description import Description
from tools.cluster.paths import DESCRIPTION, STATE
from tools.testing import release
from tools.testing.checkpoints import Checkpoint, manifest
from tools.testing.kubectl import Kubectl, KubectlError
from tools.testing.model_upload import upload_models
from tools.testing.pod_builders import claim
from tools.testing.tiny_llama import DAMAGES

NAMESPACE = "shardwright-e2e"
_NOTES = STATE / "e2e"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark that tests begin their resource with."""
    config.addinivalue_line(
        "markers",
        "begins(name='', also=(), **spec): this ShardedCheckpoint, and `also` these objects, exist from the start",
    )


@pytest.fixture(scope="session")
def cluster() -> Description:
    """The cluster that is up."""
    if not DESCRIPTION.exists():
        pytest.exit("no cluster is up: `make test-e2e` does it all, or `make cluster-up` and load the images", 3)
    return Description.read()


@pytest.fixture(scope="session")
def system(cluster: Description) -> Kubectl:
    """The operator, installed by the chart; kubectl in its namespace."""
    return release.install(cluster)


@pytest.fixture(scope="session")
def kubectl(request: pytest.FixtureRequest, cluster: Description, system: Kubectl) -> Iterator[Kubectl]:
    """kubectl in a fresh namespace that has the claims `models` (whole and damaged ones) and `shards`."""
    here = Kubectl(cluster.kubeconfig, NAMESPACE)
    here.delete("namespace", NAMESPACE, "--timeout=300s")
    here.create_namespace()
    here.apply(*(claim(name, storage_class=cluster.storage_class) for name in ("models", "shards")))
    upload_models(here, "models", cluster.images["worker-prepare"], {"tiny-llama": "", **{d: d for d in DAMAGES}})
    shutil.rmtree(_NOTES, ignore_errors=True)
    yield here
    if request.session.testsfailed:
        _take_notes(here, system)
    else:
        here.delete("namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="session")
def begun(request: pytest.FixtureRequest, kubectl: Kubectl) -> None:
    """Every resource that a chosen test marks, created at once: most of their time is waiting."""
    things: dict[str, Any] = {}
    for item in request.session.items:
        for mark in item.iter_markers("begins"):
            details = dict(mark.kwargs)
            things.update({str(one["metadata"]["name"]) + one["kind"]: one for one in details.pop("also", ())})
            name = details.pop("name", "") or name_of(item.name)
            things[name] = manifest(name, **details)
    if things:
        kubectl.apply(*things.values())


@pytest.fixture
def checkpoint(request: pytest.FixtureRequest, begun: None, kubectl: Kubectl) -> Checkpoint:
    """The resource that this test's mark has begun."""
    mark = request.node.get_closest_marker("begins")
    return Checkpoint(kubectl, mark.kwargs.get("name") or name_of(request.node.name))


def name_of(test: str) -> str:
    """A resource's name from a test's name."""
    return re.sub(r"[^a-z0-9]+", "-", test.removeprefix("test_").lower()).strip("-")[:60]


def _take_notes(here: Kubectl, system: Kubectl) -> None:
    """What a person would want to see afterwards."""
    _NOTES.mkdir(parents=True, exist_ok=True)
    wanted = {
        "objects.yaml": (here, ["get", "sckpt,jobs,pods,pvc,events", "--output=yaml"]),
        "described.txt": (here, ["describe", "sckpt,jobs,pods,pvc"]),
        "operator.log": (system, ["logs", release.DEPLOYMENT, "--tail=-1"]),
    }
    for pod in here.list("pods"):
        name = pod["metadata"]["name"]
        wanted[f"{name}.log"] = (here, ["logs", name, "--tail=-1"])
    for file, (where, arguments) in wanted.items():
        try:
            (_NOTES / file).write_text(where.run(*arguments))
        except KubectlError as error:
            (_NOTES / file).write_text(str(error))
