"""The operator, a namespace with models, and the resources that the selected tests mark, all created at once."""

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
_DIAGNOSTICS = STATE / "e2e"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark with which a test has its resource created."""
    config.addinivalue_line(
        "markers",
        "creates(name='', also=(), **spec): this ShardedCheckpoint and the objects `also` exist before the first test",
    )


@pytest.fixture(scope="session")
def cluster() -> Description:
    """The running cluster."""
    if not DESCRIPTION.exists():
        pytest.exit("no cluster runs: use `make test-e2e`, or `make cluster-up` and `python3 -m tools.cluster load`", 3)
    return Description.read()


@pytest.fixture(scope="session")
def system(cluster: Description) -> Kubectl:
    """kubectl in the namespace of the operator, which is installed with the chart."""
    return release.install(cluster)


@pytest.fixture(scope="session")
def kubectl(request: pytest.FixtureRequest, cluster: Description, system: Kubectl) -> Iterator[Kubectl]:
    """kubectl in a new namespace with the claims `models`, which has intact and damaged models, and `shards`."""
    namespace = Kubectl(cluster.kubeconfig, NAMESPACE)
    namespace.delete("namespace", NAMESPACE, "--timeout=300s")
    namespace.create_namespace()
    namespace.apply(*(claim(name, storage_class=cluster.storage_class) for name in ("models", "shards")))
    models = {"tiny-llama": "", **{damage: damage for damage in DAMAGES}}
    upload_models(namespace, "models", cluster.images["worker-prepare"], models)
    shutil.rmtree(_DIAGNOSTICS, ignore_errors=True)
    yield namespace
    if request.session.testsfailed:
        _write_diagnostics(namespace, system)
    else:
        namespace.delete("namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="session")
def created(request: pytest.FixtureRequest, kubectl: Kubectl) -> None:
    """Create the resources of all marks at once, since the tests spend most of their time waiting for them."""
    things: dict[str, Any] = {}
    for item in request.session.items:
        for mark in item.iter_markers("creates"):
            details = dict(mark.kwargs)
            things.update({str(one["metadata"]["name"]) + one["kind"]: one for one in details.pop("also", ())})
            name = details.pop("name", "") or name_of(item.name)
            things[name] = manifest(name, **details)
    if things:
        kubectl.apply(*things.values())


@pytest.fixture
def checkpoint(request: pytest.FixtureRequest, created: None, kubectl: Kubectl) -> Checkpoint:
    """The resource of this test's mark."""
    mark = request.node.get_closest_marker("creates")
    return Checkpoint(kubectl, mark.kwargs.get("name") or name_of(request.node.name))


def name_of(test: str) -> str:
    """Return the name of a resource for the name of a test."""
    return re.sub(r"[^a-z0-9]+", "-", test.removeprefix("test_").lower())[:60].strip("-")


def _write_diagnostics(namespace: Kubectl, system: Kubectl) -> None:
    """Write the objects and the logs to .cluster/e2e."""
    _DIAGNOSTICS.mkdir(parents=True, exist_ok=True)
    outputs = {
        "objects.yaml": (namespace, ["get", "sckpt,jobs,pods,pvc,events", "--output=yaml"]),
        "described.txt": (namespace, ["describe", "sckpt,jobs,pods,pvc"]),
        "operator.log": (system, ["logs", release.DEPLOYMENT, "--tail=-1"]),
    }
    for pod in namespace.list("pods"):
        name = pod["metadata"]["name"]
        outputs[f"{name}.log"] = (namespace, ["logs", name, "--tail=-1"])
    for file, (where, arguments) in outputs.items():
        try:
            (_DIAGNOSTICS / file).write_text(where.run(*arguments))
        except KubectlError as error:
            (_DIAGNOSTICS / file).write_text(str(error))
