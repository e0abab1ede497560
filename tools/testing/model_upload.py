"""Writes tiny models, intact and damaged ones, to a claim from a pod that mounts it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tools.testing import tiny_llama
from tools.testing.kubectl import Kubectl, Object
from tools.testing.pod_builders import claim_volume, pod
from tools.testing.pod_runs import run_to_end

_SCRIPT = Path(tiny_llama.__file__)


def upload_models(kubectl: Kubectl, claim_name: str, image: str, folders: Mapping[str, str]) -> None:
    """Write a model to each of these folders of the claim; a folder's value is its damage, empty for none."""
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "tiny-llama"},
            "data": {_SCRIPT.name: _SCRIPT.read_text()},
        }
    )
    commands = [f"python3 /script/{_SCRIPT.name} /models/{folder} {damage}" for folder, damage in folders.items()]
    container: Object = {
        "image": image,
        "command": ["sh", "-euc", "\n".join(commands)],
        "volumeMounts": [{"name": claim_name, "mountPath": "/models"}, {"name": "script", "mountPath": "/script"}],
    }
    script = {"name": "script", "configMap": {"name": "tiny-llama"}}
    run_to_end(kubectl, pod("upload-models", [container], [claim_volume(claim_name), script]))
