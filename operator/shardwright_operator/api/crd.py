"""The CustomResourceDefinition, generated from the types.

The schema has no defaults, so a spec stays as its user wrote it and GitOps tools see no difference; a field's
description says what its absence means. The exception is status.observedGeneration, whose default of -1 lets kstatus
report a resource that no operator has seen yet as in progress. The schema is structural, as
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/ asks for.
"""

from collections.abc import Mapping
from typing import Any

from shardwright_operator.api import names
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import Status

_DESCRIPTION = (
    "ShardedCheckpoint saves a model in vLLM's sharded-state format on a PersistentVolumeClaim, one set of files for"
    " each rank, and verifies that it loads before it is published."
)
_API_VERSION = f"Version of the schema of this object: {names.API_VERSION}."
_KIND = f"Kind of this object: {names.KIND}."
_KEYWORDS = (
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
    """Return the manifest of the CustomResourceDefinition."""
    status = schema_of(Status.model_json_schema(by_alias=True), of_status=True)
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
                "description": _DESCRIPTION,
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string", "description": _API_VERSION},
                    "kind": {"type": "string", "description": _KIND},
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


def schema_of(schema: Mapping[str, Any], of_status: bool = False) -> dict[str, Any]:
    """Return the structural schema of one of pydantic's.

    `of_status` leaves enums out, so that an older CRD accepts the values of a newer operator, and defaults, since the
    operator writes what the fields mean.
    """
    return _convert(schema, schema.get("$defs", {}), of_status)


def _convert(schema: Mapping[str, Any], named: Mapping[str, Any], of_status: bool) -> dict[str, Any]:
    schema = _resolve(schema, named)
    result: dict[str, Any] = {name: schema[name] for name in _KEYWORDS if name in schema}
    if description := _description(schema, of_status):
        result["description"] = description
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values and not of_status:
        result["enum"] = values
    if "properties" in schema:
        result["properties"] = {name: _convert(one, named, of_status) for name, one in schema["properties"].items()}
        if schema.get("required"):
            result["required"] = schema["required"]
    if isinstance(schema.get("additionalProperties"), Mapping):
        result["additionalProperties"] = _convert(schema["additionalProperties"], named, of_status)
    if "items" in schema:
        result["items"] = _convert(schema["items"], named, of_status)
    return result


def _resolve(schema: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Follow a reference and drop `null`. Keywords beside the reference override those of its target."""
    flat = dict(schema)
    if "anyOf" in flat:
        options = [one for one in flat.pop("anyOf") if one.get("type") != "null"]
        if [one.get("type") for one in options] == ["integer", "string"]:
            return {**flat, "x-kubernetes-int-or-string": True}
        assert len(options) == 1, f"a field must have one type: {schema}"
        flat = {**options[0], **flat}
    if "$ref" in flat:
        target = named[flat.pop("$ref").rsplit("/", 1)[-1]]
        flat = {**_resolve(target, named), **flat}
    return flat


def _description(schema: Mapping[str, Any], of_status: bool) -> str:
    text = " ".join(str(schema.get("description", "")).split())
    default = None if of_status else schema.get("default")
    if isinstance(default, bool):
        default = str(default).lower()
    if default not in (None, "", [], {}) and not isinstance(default, dict | list):
        text = f"{text} Default: {default}.".strip()
    return text
