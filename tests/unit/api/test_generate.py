"""Generated files are current, and the pages name every field, rule and condition."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_operator.api.generate import ROOT, outputs
from shardwright_operator.api.names import CONDITIONS
from shardwright_operator.api.reference import KUBERNETES_TYPES, conditions_page, reference_page
from tests.unit.api.test_crd import schema_of_part, walk


@pytest.mark.parametrize("path", outputs(), ids=str)
def test_generated_files_are_current(path: Any) -> None:
    assert (ROOT / path).read_text() == outputs()[path], "run `make generate`"


def test_the_reference_lists_every_field_with_its_rules_and_values() -> None:
    page = reference_page()
    for part in ("spec", "status"):
        for path, schema in walk(part, schema_of_part(part)):
            if path.startswith(tuple(f"{one}." for one in KUBERNETES_TYPES)):
                continue  # these are documented by Kubernetes
            assert f"| `{path}` |" in page or path.endswith("[]") or path == part, path
            for rule in schema.get("x-kubernetes-validations", ()):
                assert rule["message"] in page
    assert "One of Digests, Load, Generate." in page


def test_the_page_of_conditions_names_every_condition() -> None:
    assert [one for one in CONDITIONS if f"| `{one}` |" not in conditions_page()] == []
