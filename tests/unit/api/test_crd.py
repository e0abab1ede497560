"""The CRD has a description and a limit for every field, and accepts the status of a newer operator."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_operator.api.crd import custom_resource_definition, schema_of
from shardwright_operator.api.field_types import Api
from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS


def schema_of_part(part: str) -> Any:
    """Return the schema of spec or status."""
    return custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part]


def walk(path: str, schema: Any) -> list[tuple[str, Any]]:
    """Return every path below a schema, with its schema."""
    found = [(path, schema)]
    for name, field in schema.get("properties", {}).items():
        found += walk(f"{path}.{name}", field)
    if "items" in schema:
        found += walk(f"{path}[]", schema["items"])
    return found


def test_a_new_resource_gets_the_observed_generation_minus_one() -> None:
    assert schema_of_part("status")["default"] == {"observedGeneration": -1}


def test_conditions_merge_by_type() -> None:
    conditions = schema_of_part("status")["properties"]["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_the_status_accepts_reasons_of_a_newer_operator() -> None:
    reason = schema_of_part("status")["properties"]["lastFailure"]["properties"]["reason"]
    assert "enum" not in reason


def test_every_free_text_list_and_map_of_the_spec_has_a_limit() -> None:
    limits = {"string": "maxLength", "array": "maxItems"}
    unlimited = [
        path
        for path, schema in walk("spec", schema_of_part("spec"))
        if "enum" not in schema
        and (limits.get(schema["type"], schema["type"]) not in schema)
        and (schema["type"] in limits or ("additionalProperties" in schema and "maxProperties" not in schema))
    ]
    assert unlimited == []


@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_field_has_a_description(part: str) -> None:
    fields = [(path, schema) for path, schema in walk(part, schema_of_part(part)) if not path.endswith("[]")]
    assert [path for path, schema in fields if not schema.get("description")] == []


def test_a_field_of_two_types_is_rejected() -> None:
    class TwoTypes(Api):
        field: float | str = 0

    with pytest.raises(AssertionError, match="a field must have one type"):
        schema_of(TwoTypes.model_json_schema(by_alias=True))


def test_the_allowed_engine_arguments_are_those_of_the_worker() -> None:
    names, *_ = schema_of_part("spec")["properties"]["engine"]["properties"]["extraArgs"]["x-kubernetes-validations"]
    assert all(f"'{name}'" in names["rule"] for name in EXTRA_ARGUMENTS)
