"""Parts of a spec, as the cases of admission put them together."""

from typing import Any

HUB = {"huggingFace": {"repo": "org/model"}}
OUTPUT = {"persistentVolumeClaim": {"claimName": "shards"}}
CREATE = {"size": "5Gi"}


def hub(**fields: Any) -> dict[str, Any]:
    return {"source": {"huggingFace": {"repo": "org/model", **fields}}}


def engine(**fields: Any) -> dict[str, Any]:
    return {"engine": {"tensorParallelSize": 2, **fields}}


def output(**fields: Any) -> dict[str, Any]:
    return {"output": {**OUTPUT, **fields}}


def created(**fields: Any) -> dict[str, Any]:
    return output(persistentVolumeClaim={"claimName": "shards", "create": {**CREATE, **fields}})


def job(**fields: Any) -> dict[str, Any]:
    return {"job": fields}


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def required(*requirements: dict[str, Any]) -> dict[str, Any]:
    """Node affinity with one term of these requirements, with no term if there are none."""
    terms = [{"matchExpressions": list(requirements)}] if requirements else []
    return {REQUIRED: {"nodeSelectorTerms": terms}}


def affinity(node: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    return job(affinity={**({"nodeAffinity": node} if node else {}), **parts})
