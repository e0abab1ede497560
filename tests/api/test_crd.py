"""Every admission rule, on the real API server: a wrong manifest, and the message that its author reads."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import urllib.error
from typing import Any

import pytest
import yaml

from tests.cluster.api import Api
from tests.cluster.places import ROOT
from tests.harness.world import CRD, World, install_crd
from tests.plane.plane import Plane

GOOD: dict[str, Any] = {
    "source": {"persistentVolumeClaim": {"claimName": "models", "path": "llama"}},
    "engine": {"tensorParallelSize": 2},
    "output": {"persistentVolumeClaim": {"claimName": "shards"}},
}
HUB = {"repo": "org/model"}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"source": {}}, "give exactly one of huggingFace and persistentVolumeClaim"),
    ({"source": {"huggingFace": HUB}}, "give exactly one of huggingFace and persistentVolumeClaim"),
    ({"source": {"persistentVolumeClaim": {"path": "/root"}}}, "must be relative to the root of the volume"),
    ({"source": {"persistentVolumeClaim": {"path": "a/../b"}}}, "no part may start with a dot"),
    ({"output": {"path": "/out"}}, "must be relative to the root of the volume"),
    ({"output": {"path": ".staging"}}, "no part may start with a dot"),
    ({"engine": {"tensorParallelSize": 0}}, "spec.engine.tensorParallelSize"),
    ({"engine": {"pipelineParallelSize": 0}}, "spec.engine.pipelineParallelSize"),
    ({"engine": {"dtype": "int3"}}, 'supported values: "auto"'),
    ({"engine": {"quantization": "bitsandbytes"}}, "use a checkpoint that is quantised already"),
    ({"engine": {"hfOverrides": "max=3"}}, "must be a JSON object as text"),
    ({"engine": {"extraArgs": {"enable_lora": "true"}}}, "allowed names: code_revision"),
    ({"engine": {"extraArgs": {"load_format": "dummy"}}}, "load_format says how the source is read"),
    ({"output": {"filePattern": "model.safetensors"}}, "must hold {part}"),
    ({"output": {"filePattern": "m-{part}.safetensors"}}, "must hold {rank} or {tp_rank}"),
    (
        {"engine": {"pipelineParallelSize": 2}, "output": {"filePattern": "m-{rank}-{part}.safetensors"}},
        "must hold {pp_rank} and {tp_rank}",
    ),
    ({"output": {"maxShardSize": "big"}}, "must be a quantity such as 5Gi"),
    ({"output": {"keep": 0}}, "spec.output.keep"),
    ({"output": {"persistentVolumeClaim": {"create": {}}}}, "spec.output.persistentVolumeClaim.create.size"),
    ({"output": {"persistentVolumeClaim": {"create": {"size": "x"}}}}, "must be a quantity such as 5Gi"),
    ({"verification": "Never"}, 'supported values: "Digests", "Load", "Generate"'),
    ({"recheck": {"interval": "daily"}}, "must be a duration such as 2h"),
    ({"job": {"deadline": "soon"}}, "must be a duration such as 2h"),
    ({"job": {"maxAttempts": 0}}, "spec.job.maxAttempts"),
    ({"job": {"env": [{"name": "HF_TOKEN", "value": "x"}]}}, "use spec.source.huggingFace.tokenSecretRef"),
    ({"job": {"resources": {"limits": {"nvidia.com/gpu": "2"}}}}, "must not hold the accelerators"),
    ({"job": {"resources": {"limits": {"memory": "lots"}}}}, "must be a quantity such as 5Gi"),
    ({"job": {"podSecurityContext": {"runAsUser": 0}}}, "spec.job.podSecurityContext.runAsUser"),
]
HUBS: list[tuple[dict[str, Any], str]] = [
    ({"repo": "not a repo"}, "spec.source.huggingFace.repo"),
    ({"repo": "org/model", "endpoint": "https://user:secret@hub"}, "tokens go into tokenSecretRef"),
    ({"repo": "org/model", "endpoint": "ftp://hub"}, "must be an http or https address"),
]


@pytest.fixture(scope="module")
def world(plane: Plane) -> World:
    install_crd(plane.api)
    return World(plane.api)


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(base)
    for name, value in change.items():
        old = result.get(name)
        result[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) and value else value
    return result


def _refusal(api: Api, method: str, path: str, body: dict[str, Any], kind: str = "application/json") -> str:
    with pytest.raises(urllib.error.HTTPError) as refused:
        api.call(method, path, body, kind)
    assert refused.value.code == 422
    return str(json.loads(refused.value.read())["message"])


def _manifest(spec: dict[str, Any], name: str = "wrong") -> dict[str, Any]:
    return {
        "apiVersion": "shardwright.io/v1alpha1",
        "kind": "ShardedCheckpoint",
        "metadata": {"name": name},
        "spec": spec,
    }


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_a_wrong_manifest_is_refused_with_words_that_help(world: World, change: dict[str, Any], message: str) -> None:
    body = _manifest(_merged(GOOD, change))
    assert message in _refusal(world.api, "POST", world.path("shardedcheckpoints"), body)


@pytest.mark.parametrize(("hub", "message"), HUBS)
def test_a_wrong_hub_is_refused(world: World, hub: dict[str, Any], message: str) -> None:
    body = _manifest({**GOOD, "source": {"huggingFace": hub}})
    assert message in _refusal(world.api, "POST", world.path("shardedcheckpoints"), body)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output": {"persistentVolumeClaim": {"claimName": "other"}}}, "claimName is immutable"),
        ({"output": {"path": "elsewhere"}}, "path is immutable"),
        ({"output": {"persistentVolumeClaim": {"create": {"size": "2Gi"}}}}, "resize the PersistentVolumeClaim itself"),
    ],
)
def test_where_artifacts_lie_cannot_be_changed(world: World, change: dict[str, Any], message: str) -> None:
    name = f"fixed-{len(world.objects('shardedcheckpoints'))}"
    spec = _merged(GOOD, {"output": {"persistentVolumeClaim": {"create": {"size": "1Gi"}}}})
    world.api.call("POST", world.path("shardedcheckpoints"), _manifest(spec, name))
    path = world.path("shardedcheckpoints", name)
    assert message in _refusal(world.api, "PATCH", path, {"spec": change}, "application/merge-patch+json")


def test_a_new_resource_says_that_nobody_has_looked_yet_and_keeps_its_spec(world: World) -> None:
    made = world.api.call("POST", world.path("shardedcheckpoints"), _manifest(GOOD, "fresh"))
    assert made["status"] == {"observedGeneration": -1}
    assert made["spec"] == GOOD


def test_unknown_fields_are_named(world: World) -> None:
    path = world.path("shardedcheckpoints") + "?fieldValidation=Strict"
    body = _manifest({**GOOD, "tensorParallel": 2})
    with pytest.raises(urllib.error.HTTPError) as refused:
        world.api.call("POST", path, body)
    assert 'unknown field "spec.tensorParallel"' in json.loads(refused.value.read())["message"]


def test_kubectl_shows_what_people_look_for(world: World, plane: Plane) -> None:
    kubectl = ("kubectl", "--kubeconfig", str(plane.kubeconfig), "-n", world.namespace)
    world.api.call("POST", world.path("shardedcheckpoints"), _manifest(GOOD, "shown"))
    shown = subprocess.run([*kubectl, "get", "sckpt"], capture_output=True, text=True, check=True).stdout
    assert shown.split("\n")[0].split() == ["NAME", "READY", "REASON", "SOURCE", "TP", "STAGE", "SIZE", "AGE"]
    wide = subprocess.run([*kubectl, "get", "shardwright", "-o", "wide"], capture_output=True, text=True, check=True)
    assert wide.stdout.split("\n")[0].split()[-2:] == ["MESSAGE", "JOB"]


def test_the_definition_is_small_and_up_to_date() -> None:
    assert CRD.stat().st_size < 200_000
    spec = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert "x-kubernetes-preserve-unknown-fields" not in json.dumps(spec)
    check = [sys.executable, "-m", "shardwright_operator.api.generate", "--check"]
    assert subprocess.run(check, cwd=ROOT, check=False).returncode == 0
