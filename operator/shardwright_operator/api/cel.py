"""Validation rules in CEL as keywords of a schema, and the keywords of lists.

The API server evaluates them at every write: https://kubernetes.io/docs/reference/using-api/cel/. Every text and list
that a rule reads has a maximum length, since the API server bounds the estimated cost of a rule by it:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#resource-use-by-validation-functions
"""

from typing import Any

Rule = dict[str, str]


def rule(expression: str, message: str) -> Rule:
    """Return one entry of `x-kubernetes-validations`."""
    return {"rule": expression, "message": message}


def rules(*entries: Rule) -> dict[str, Any]:
    """Return the keywords of a schema that has these rules."""
    return {"x-kubernetes-validations": list(entries)}


SET: dict[str, Any] = {"x-kubernetes-list-type": "set"}
BY_NAME: dict[str, Any] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
