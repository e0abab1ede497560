"""The Jobs that the builders make for parts of a spec, and what of them the tests read."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_operator.api.spec import Spec
from shardwright_operator.manifests.job import build_job
from shardwright_worker.cli.arguments import build_parser
from tools.testing.checkpoints import manifest
from tools.testing.job_requests import prepare_request, shard_request

HUB = {
    "huggingFace": {
        "repo": "org/model",
        "revision": "v1",
        "endpoint": "https://hub.example",
        "include": ["*.safetensors", "*.json"],
        "exclude": ["original/*"],
        "tokenSecretRef": {"name": "hf", "key": "token"},
    }
}


def spec_with(**parts: Any) -> Spec:
    """Return a spec in which these parts are replaced."""
    return Spec.model_validate(manifest("llama", path="llama", **parts)["spec"])


def prepare_job(**parts: Any) -> dict[str, Any]:
    """Return the prepare Job of a spec with these parts."""
    return build_job(prepare_request(spec_with(**parts)))


def shard_job(**parts: Any) -> dict[str, Any]:
    """Return the shard Job of a spec with these parts."""
    return build_job(shard_request(spec_with(**parts)))


def pod_of(job: dict[str, Any]) -> Any:
    """Return the spec of a Job's pod."""
    return job["spec"]["template"]["spec"]


def worker_of(job: dict[str, Any]) -> Any:
    """Return the container of a Job's pod."""
    (container,) = pod_of(job)["containers"]
    return container


def arguments_of(job: dict[str, Any]) -> Any:
    """Return a Job's command line, as the worker parses it."""
    return build_parser().parse_args(worker_of(job)["args"])


BOTH = pytest.mark.parametrize("build", [prepare_job, shard_job], ids=["prepare", "shard"])
SOURCES = pytest.mark.parametrize("parts", [{}, {"source": HUB}], ids=["claim", "hub"])
