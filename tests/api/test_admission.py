"""Every admission rule, as the API server applies it: to new manifests, and to changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shardwright_operator.api.crd import custom_resource_definition
from tests.api.admission_cases import RIGHT, WRONG
from tests.api.conftest import refusal
from tests.api.spec_parts import OUTPUT, created
from tools.testing.checkpoints import manifest
from tools.testing.namespace import Namespace


def _manifest(**spec: Any) -> dict[str, Any]:
    body = manifest("tried", **spec)
    body["spec"] = {part: value for part, value in body["spec"].items() if value is not None}
    return body


@pytest.mark.parametrize(("spec", "message"), WRONG, ids=lambda value: json.dumps(value)[:60] if value else "none")
def test_a_wrong_manifest_is_rejected_with_what_to_write_instead(
    namespace: Namespace, spec: dict[str, Any], message: str
) -> None:
    assert message in refusal(namespace, "POST", namespace.path("shardedcheckpoints"), _manifest(**spec))


@pytest.mark.parametrize("spec", RIGHT, ids=lambda spec: json.dumps(spec)[:60])
def test_a_valid_manifest_is_accepted(namespace: Namespace, spec: dict[str, Any]) -> None:
    assert refusal(namespace, "POST", namespace.path("shardedcheckpoints"), _manifest(**spec)) == ""


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            OUTPUT,
            {"persistentVolumeClaim": {"claimName": "other"}},
            "persistentVolumeClaim.claimName is immutable: create another ShardedCheckpoint for another claim",
        ),
        (OUTPUT, {**OUTPUT, "path": "b"}, "path is immutable: create another ShardedCheckpoint for another path"),
        ({**OUTPUT, "path": "a"}, {**OUTPUT, "path": None}, "path is immutable"),
        (
            created()["output"],
            created(size="9Gi")["output"],
            "is immutable once set: resize the PersistentVolumeClaim instead",
        ),
        (OUTPUT, {**OUTPUT, "maxFileSize": "2Gi", "historyLimit": 3}, ""),
        (OUTPUT, created()["output"], ""),
    ],
)
def test_what_may_change_later(
    namespace: Namespace, before: dict[str, Any], after: dict[str, Any], message: str
) -> None:
    namespace.create("changing", output=before)
    path = namespace.path("shardedcheckpoints", "changing")
    rejected = refusal(namespace, "PATCH", path, {"spec": {"output": after}}, "application/merge-patch+json")
    namespace.delete("shardedcheckpoints", "changing")
    assert message in rejected
    assert bool(message) == bool(rejected)


def test_every_rule_is_tested() -> None:
    messages = [one["message"] for one in _rules(custom_resource_definition())]
    assert len(messages) > 20
    tried = [message for _, message in WRONG]
    tried += ["is immutable: create another", "path is immutable", "is immutable once set"]
    untried = [message for message in messages if not any(one in message for one in tried)]
    assert untried == []


def _rules(schema: Any) -> list[dict[str, str]]:
    if isinstance(schema, list):
        return [rule for one in schema for rule in _rules(one)]
    if not isinstance(schema, dict):
        return []
    own: list[dict[str, str]] = schema.get("x-kubernetes-validations", [])
    return [*own, *(rule for value in schema.values() for rule in _rules(value))]
