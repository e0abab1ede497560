"""The CustomResourceDefinition as the API server serves it: names, columns, defaults, size."""

from __future__ import annotations

import yaml

from shardwright_operator.api.crd import custom_resource_definition
from tools.control_plane.control_plane import ControlPlane
from tools.testing.checkpoints import manifest
from tools.testing.namespace import CRD, Namespace


def test_a_new_resource_is_in_progress_until_the_operator_has_seen_it(namespace: Namespace) -> None:
    body = namespace.create("fresh")
    assert body["status"] == {"observedGeneration": -1}
    assert body["spec"] == manifest("fresh")["spec"], "a spec stays as its user wrote it"


def test_kubectl_knows_its_short_name_category_and_columns(namespace: Namespace, served: ControlPlane) -> None:
    (kind,) = [
        one
        for one in served.api.call("GET", "/apis/shardwright.io/v1alpha1")["resources"]
        if one["name"] == "shardedcheckpoints"
    ]
    assert kind["shortNames"] == ["sckpt"]
    assert kind["categories"] == ["shardwright"]
    version = custom_resource_definition()["spec"]["versions"][0]
    shown = [(one["name"], one.get("priority", 0)) for one in version["additionalPrinterColumns"]]
    assert [name for name, priority in shown if priority == 0] == [
        "Ready",
        "Reason",
        "Source",
        "TP",
        "Stage",
        "Size",
        "Age",
    ]
    assert [name for name, priority in shown if priority == 1] == ["Message", "Job"]


def test_the_crd_is_small_and_every_field_is_validated() -> None:
    assert CRD.stat().st_size < 200_000
    assert yaml.safe_load(CRD.read_text()) == custom_resource_definition(), "run `make generate`"
    assert "x-kubernetes-preserve-unknown-fields" not in CRD.read_text()
