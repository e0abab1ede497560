"""The CustomResourceDefinition, made from the types.

No defaults are put into the schema but the status's observedGeneration: a spec stays as its user wrote it, so GitOps
tools see no difference. What a missing field means stands in its description.
"""

from collections.abc import Mapping
from typing import Any

from shardwright_operator.api import names
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status

_KEPT = (
    "type",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "format",
    "x-kubernetes-int-or-string",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
)
_READY = f'.status.conditions[?(@.type=="{names.READY}")]'
_COLUMNS = (
    ("Ready", "string", f"{_READY}.status", 0),
    ("Reason", "string", f"{_READY}.reason", 0),
    ("Source", "string", ".status.source.name", 0),
    ("TP", "integer", ".spec.engine.tensorParallelSize", 0),
    ("Stage", "string", ".status.progress.stage", 0),
    ("Size", "string", ".status.artifact.size", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Message", "string", f"{_READY}.message", 1),
    ("Job", "string", ".status.job.name", 1),
)


def custom_resource_definition() -> dict[str, Any]:
    """The manifest of the CRD."""
    status = schema_of(Status.model_json_schema(by_alias=True), open_enums=True)
    status["default"] = {"observedGeneration": -1}
    status["properties"]["conditions"] |= {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }
    version = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, **({"priority": priority} if priority else {})}
            for name, kind, path, priority in _COLUMNS
        ],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": "A model that is saved as shards for fast serving with vLLM, and proven.",
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": schema_of(Spec.model_json_schema(by_alias=True)),
                    "status": status,
                },
            }
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": names.CRD, "annotations": {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.KIND.lower(),
                "shortNames": [names.SHORT_NAME],
                "categories": [names.CATEGORY],
            },
            "versions": [version],
        },
    }


def schema_of(schema: Mapping[str, Any], open_enums: bool = False) -> dict[str, Any]:
    """A structural schema from pydantic's. `open_enums` leaves enums out: a newer operator may write new words."""
    return _convert(schema, schema.get("$defs", {}), open_enums)


def _convert(schema: Mapping[str, Any], named: Mapping[str, Any], open_enums: bool) -> dict[str, Any]:
    schema = _resolve(schema, named)
    result: dict[str, Any] = {name: schema[name] for name in _KEPT if name in schema}
    if description := _description(schema):
        result["description"] = description
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values and not open_enums:
        result["enum"] = values
    if "properties" in schema:
        result["properties"] = {name: _convert(one, named, open_enums) for name, one in schema["properties"].items()}
        if schema.get("required"):
            result["required"] = schema["required"]
    if isinstance(schema.get("additionalProperties"), Mapping):
        result["additionalProperties"] = _convert(schema["additionalProperties"], named, open_enums)
    if "items" in schema:
        result["items"] = _convert(schema["items"], named, open_enums)
    return result


def _resolve(schema: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Follow a reference and drop `null`; what stands beside the reference wins over what it names."""
    flat = dict(schema)
    if "anyOf" in flat:
        options = [one for one in flat.pop("anyOf") if one.get("type") != "null"]
        if [one.get("type") for one in options] == ["integer", "string"]:
            return {**flat, "x-kubernetes-int-or-string": True}
        assert len(options) == 1, f"one type a field: {schema}"
        flat = {**options[0], **flat}
    if "$ref" in flat:
        target = named[flat.pop("$ref").rsplit("/", 1)[-1]]
        flat = {**_resolve(target, named), **flat}
    return flat


def _description(schema: Mapping[str, Any]) -> str:
    text = " ".join(str(schema.get("description", "")).split())
    default = schema.get("default")
    if isinstance(default, bool):
        default = str(default).lower()
    if default not in (None, "", [], {}) and not isinstance(default, dict | list):
        text = f"{text} Default: {default}.".strip()
    return text
