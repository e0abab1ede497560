"""Every admission rule, as the API server applies it: a wrong manifest, and the message that its user reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from shardwright_operator.api.crd import custom_resource_definition
from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS, Value
from shardwright_worker.contract.vllm_support.quantization import ONLINE, UNSAVABLE
from tests.api.conftest import refusal
from tools.control_plane.control_plane import ControlPlane
from tools.testing.checkpoints import manifest
from tools.testing.namespace import CRD, Namespace

HUB = {"huggingFace": {"repo": "org/model"}}
OUTPUT = {"persistentVolumeClaim": {"claimName": "shards"}}
CREATE = {"size": "5Gi"}


def _hub(**fields: Any) -> dict[str, Any]:
    return {"source": {"huggingFace": {"repo": "org/model", **fields}}}


def _engine(**fields: Any) -> dict[str, Any]:
    return {"engine": {"tensorParallelSize": 2, **fields}}


def _output(**fields: Any) -> dict[str, Any]:
    return {"output": {**OUTPUT, **fields}}


def _created(**fields: Any) -> dict[str, Any]:
    return _output(persistentVolumeClaim={"claimName": "shards", "create": {**CREATE, **fields}})


def _job(**fields: Any) -> dict[str, Any]:
    return {"job": fields}


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def _required(*requirements: dict[str, Any]) -> dict[str, Any]:
    """Node affinity with one term of these requirements, with no term if there are none."""
    terms = [{"matchExpressions": list(requirements)}] if requirements else []
    return {_REQUIRED: {"nodeSelectorTerms": terms}}


def _affinity(node: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    return _job(affinity={**({"nodeAffinity": node} if node else {}), **parts})


WRONG: list[tuple[dict[str, Any], str]] = [
    # source
    ({"source": {}}, "must have exactly one of huggingFace and persistentVolumeClaim"),
    ({"source": {**HUB, "persistentVolumeClaim": {"claimName": "m"}}}, "must have exactly one of huggingFace and"),
    ({"source": {"huggingFace": {}}}, "spec.source.huggingFace.repo: Required value"),
    (_hub(repo="https://huggingface.co/org/model"), "must be the name of a repository on the Hub, such as org/model"),
    (_hub(repo="org/model/extra"), "must be the name of a repository on the Hub"),
    (_hub(endpoint="ftp://hub"), "must be an http or https address without user and password"),
    (_hub(endpoint="https://me:secret@hub"), "set tokenSecretRef for a token"),
    (_hub(tokenSecretRef={"name": "hf"}), "spec.source.huggingFace.tokenSecretRef.key: Required value"),
    (_hub(include=["*"] * 33), "must have at most 32 items"),
    ({"source": {"persistentVolumeClaim": {"claimName": "m", "path": "/llama"}}}, "leave out the leading /"),
    ({"source": {"persistentVolumeClaim": {"claimName": "m", "path": "a/../b"}}}, "must not have . or .. as a part"),
    ({"source": {"persistentVolumeClaim": {"claimName": "m", "path": "a//b"}}}, "must not have empty parts"),
    ({"source": {"persistentVolumeClaim": {"claimName": "m", "path": "a/"}}}, "must not have empty parts"),
    ({"source": {"persistentVolumeClaim": {"claimName": "m", "path": "a\nb"}}}, "must not have control characters"),
    ({"source": {"persistentVolumeClaim": {"claimName": ""}}}, "spec.source.persistentVolumeClaim.claimName"),
    # engine
    (_engine(tensorParallelSize=0), "spec.engine.tensorParallelSize in body should be greater than or equal to 1"),
    (_engine(pipelineParallelSize=0), "spec.engine.pipelineParallelSize in body should be greater than or equal to 1"),
    (_engine(dtype="int8"), 'spec.engine.dtype: Unsupported value: "int8": supported values: "auto"'),
    *((_engine(quantization=name), "use a checkpoint that is quantized already") for name in (*UNSAVABLE, *ONLINE)),
    (_engine(hfOverrides="rope=1"), "must be a JSON object as text, such as '{}'"),
    (_engine(hfOverrides="[1]"), "must be a JSON object as text"),
    (_engine(extraArgs={"data_parallel_size": "2"}), "must only have the names code_revision, config_format"),
    (_engine(extraArgs={"enable_lora": "true"}), "must only have the names "),
    (_engine(quantization="TorchAO"), "use a checkpoint that is quantized already"),
    (_engine(extraArgs={"load_format": "dummy"}), "load_format (how the source is read) must be one of auto, hf"),
    (_engine(extraArgs={"load_format": "sharded_state"}), "load_format (how the source is read) must be one of"),
    *(
        (_engine(extraArgs={name: "nonsense"}), f"{name} ({argument.help}) must be")
        for name, argument in EXTRA_ARGUMENTS.items()
        if argument.value in (Value.CHOICE, Value.SWITCH, Value.COUNT)
    ),
    (_engine(extraArgs={"distributed_timeout_seconds": "0"}), "must be a whole number above 0, of at most 9 digits"),
    # output
    (_output(persistentVolumeClaim={}), "spec.output.persistentVolumeClaim.claimName: Required value"),
    (_created(size="-5Gi"), "must be a size above 0, such as 5Gi or 500M"),
    (_created(size="0"), "must be a size above 0"),
    (_created(accessModes=["ReadOnlyMany"]), 'Unsupported value: "ReadOnlyMany"'),
    (_created(accessModes=[]), "should have at least 1 items"),
    (_created(accessModes=["ReadWriteMany", "ReadWriteMany"]), "Duplicate value"),
    (_created(whenDeleted="Keep"), 'Unsupported value: "Keep": supported values: "Retain", "Delete"'),
    (_output(path="/shards"), "must be relative to the root of the volume: leave out the leading /"),
    (_output(path="a/.sources"), "must not have a part that starts with a dot: such folders are reserved"),
    (_output(path="a b"), "must only have letters"),
    (_output(maxFileSize="five"), "must be a size above 0, such as 5Gi or 500M"),
    (_output(path="models//llama"), "must not have empty parts: write it like a/b, with one slash between and none at"),
    (_output(path="models/"), "must not have empty parts"),
    (_output(path="a/./b"), "must not have a part that starts with a dot"),
    (_output(filePattern="model-{rank}.safetensors"), "must have {part} exactly once"),
    (_output(filePattern="{part}-{rank}-{part}.safetensors"), "must have {part} exactly once"),
    (_output(filePattern="model-{rank}-{part}.bin"), "must end with .safetensors"),
    (
        _output(filePattern="{layer}-{rank}-{part}.safetensors"),
        "has an unknown field or a single brace: the fields are {rank},",
    ),
    (_output(filePattern="../{rank}-{part}.safetensors"), "must be a plain file name of letters, digits, dots, dashes"),
    (
        _output(filePattern="m-{rank}{part}.safetensors"),
        "must have a character other than a digit between two fields and",
    ),
    (_output(filePattern="m-{part}.safetensors"), "output.filePattern must have {tp_rank} or {rank}, since the"),
    (
        {**_engine(pipelineParallelSize=2), **_output(filePattern="m-{rank}-{part}.safetensors")},
        "output.filePattern must have {pp_rank}, since the pipeline parallel size is larger than 1",
    ),
    (_output(filePattern="m-{pp_rank}-{tp_rank}-{part}.safetensors"), "must not have {pp_rank} without pipeline"),
    (_output(historyLimit=0), "spec.output.historyLimit in body should be greater than or equal to 1"),
    # verification and recheck
    ({"verification": "None"}, 'Unsupported value: "None": supported values: "Digests", "Load", "Generate"'),
    ({"recheck": {}}, "spec.recheck.interval: Required value"),
    ({"recheck": {"interval": "daily"}}, "must be a duration such as 2h, 90m or 1h30m"),
    # job
    (_job(deadline="2 hours"), "must be a duration such as 2h, 90m or 1h30m"),
    (_job(deadline="0s"), "must be a duration such as 2h, 90m or 1h30m"),
    (_job(deadline="999999h"), "must be a duration such as 2h, 90m or 1h30m"),
    (_job(ttlAfterFinished=""), "must be a duration such as 2h, 90m or 1h30m"),
    (_job(ttlAfterFinished="59s"), "must be at least 1m: the outcome of a Job is read from it after its end"),
    (_job(ttlAfterFinished="1s"), "must be at least 1m"),
    (_job(resources={"limits": {"cpu": -1}}), "must be a quantity such as 16Gi or 500m"),
    (_job(resources={"limits": {"cpu": True}}), "spec.job.resources.limits.cpu"),
    (_job(maxAttempts=0), "spec.job.maxAttempts in body should be greater than or equal to 1"),
    (
        _job(resources={"limits": {"nvidia.com/gpu": "8"}}),
        "resources.limits must not have the accelerators: their number follows from spec.engine",
    ),
    (
        _job(acceleratorResource="amd.com/gpu", resources={"requests": {"amd.com/gpu": "1"}}),
        "resources.requests must not have the accelerators",
    ),
    (_job(resources={"limits": {"memory": "lots"}}), "must be a quantity such as 16Gi or 500m"),
    (_job(resources={"limits": {"memory": "-1Gi"}}), "must be a quantity such as 16Gi or 500m"),
    (
        _job(tolerations=[{"key": "gpu", "operator": "Exists", "value": "a"}]),
        "value must be empty for the operator Exists",
    ),
    (_job(tolerations=[{"value": "a"}]), "operator must be Exists without a key"),
    (_job(tolerations=[{"key": "gpu", "tolerationSeconds": 1}]), "tolerationSeconds needs the effect NoExecute"),
    (_affinity(_required()), "nodeSelectorTerms in body should have at least 1 items"),
    (_affinity(_required({"key": "zone", "operator": "In"})), "values must not be empty for In and NotIn"),
    (
        _affinity(_required({"key": "zone", "operator": "Exists", "values": ["a"]})),
        "values must be empty for Exists and DoesNotExist",
    ),
    (
        _affinity(_required({"key": "cores", "operator": "Gt", "values": ["1", "2"]})),
        "values must hold exactly one integer for Gt and Lt",
    ),
    (_affinity(_required({"key": "a b", "operator": "Exists"})), "matchExpressions[0].key in body should match"),
    (_affinity({_PREFERRED: [{"weight": 0, "preference": {}}]}), "weight in body should be greater than or equal to 1"),
    (_affinity(podAffinity={_REQUIRED: [{"labelSelector": {}}]}), "topologyKey: Required value"),
    (
        _affinity(podAffinity={_REQUIRED: [{"topologyKey": "zone", "matchLabelKeys": ["app"]}]}),
        "matchLabelKeys needs labelSelector",
    ),
    (_job(env=[{"name": "1A"}]), "name must be letters, digits and underscores, and must not start with a digit"),
    (_job(env=[{"name": "HF_TOKEN", "value": "x"}]), "use spec.source.huggingFace.tokenSecretRef"),
    (_job(env=[{"name": "PYTHONPATH", "value": "/source"}]), "put what has to run into the image of spec.engine.image"),
    (_job(env=[{"name": "LD_PRELOAD", "value": "/source/x"}]), "decides which code runs in the worker"),
    (_job(env=[{"name": "VLLM_PLUGINS", "value": "x"}]), "decides which code runs in the worker"),
    (_job(env=[{"name": "VLLM_PP_LAYER_PARTITION", "value": "20,12"}]), "may decide what the shards hold"),
    (_job(env=[{"name": "HF_HUB_OFFLINE", "value": "0"}]), "is set by the operator, the worker or the device plugin"),
    (_job(env=[{"name": "SHARDWRIGHT_X"}]), "leave it out"),
    (_job(env=[{"name": "HF_ENDPOINT", "value": "http://x"}]), "use spec.source.huggingFace.endpoint"),
    (_job(env=[{"name": "A"}, {"name": "A"}]), 'Duplicate value: {"name":"A"}'),
    (_job(podSecurityContext={"runAsUser": 0}), "spec.job.podSecurityContext.runAsUser in body should be greater"),
    (_job(podSecurityContext={"privileged": True}), 'unknown field "spec.job.podSecurityContext.privileged"'),
    (_job(tolerations=[{"operator": "In"}]), 'Unsupported value: "In": supported values: "Exists", "Equal"'),
    ({"replicas": 1}, 'unknown field "spec.replicas"'),
]

RIGHT: list[dict[str, Any]] = [
    {},
    {"source": HUB, "engine": None},
    _hub(repo="gpt2", revision="refs/pr/1", endpoint="http://hub.models.svc:8080", include=["*.safetensors"]),
    {"source": {"persistentVolumeClaim": {"claimName": "m", "path": ".cache/hub/models--org--m/snapshots/0"}}},
    _engine(hfOverrides='{"rope_theta": 1}', extraArgs={"load_format": "runai_streamer"}, dtype="bfloat16"),
    {**_engine(pipelineParallelSize=2), **_output(filePattern="m-{pp_rank}-{tp_rank}-{part}.safetensors")},
    {**_engine(tensorParallelSize=1, pipelineParallelSize=2), **_output(filePattern="{pp_rank}-{part}.safetensors")},
    {
        **_engine(tensorParallelSize=1),
        **_output(filePattern="m-{part}.safetensors", historyLimit=1, path="team_a/llama.v2"),
    },
    _created(size="40Gi", storageClassName="fast", accessModes=["ReadWriteMany"], whenDeleted="Delete"),
    {"recheck": {"interval": "24h", "rebuild": True}, "verification": "Generate", "suspend": True},
    _job(
        acceleratorResource="amd.com/gpu",
        resources={"requests": {"cpu": "500m"}, "limits": {"memory": "64Gi"}},
        nodeSelector={"pool": "gpu"},
        tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        affinity={
            "nodeAffinity": _required({"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}),
            "podAffinity": {_REQUIRED: [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}]},
            "podAntiAffinity": {
                _PREFERRED: [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": {"app": "vllm"}},
                            "matchLabelKeys": ["pool"],
                        },
                    }
                ]
            },
        },
        priorityClassName="high",
        runtimeClassName="nvidia",
        schedulerName="other",
        queueName="gpus",
        imagePullSecrets=[{"name": "registry"}],
        env=[{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        podSecurityContext={"runAsUser": 1000, "runAsGroup": 0, "fsGroup": 0, "supplementalGroups": [7]},
        deadline="1h30m",
        maxAttempts=1,
        ttlAfterFinished="5m",
    ),
    _job(resources={"requests": {"cpu": 2, "memory": "1Gi"}, "limits": {"cpu": 4, "memory": 1073741824}}),
    _job(ttlAfterFinished="1m", env=[{"name": "NCCL_DEBUG", "value": "INFO"}]),
    _job(ttlAfterFinished="60s"),
]


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
            _created()["output"],
            _created(size="9Gi")["output"],
            "is immutable once set: resize the PersistentVolumeClaim instead",
        ),
        (OUTPUT, {**OUTPUT, "maxFileSize": "2Gi", "historyLimit": 3}, ""),
        (OUTPUT, _created()["output"], ""),
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


def test_a_new_resource_is_in_progress_until_the_operator_has_seen_it(namespace: Namespace) -> None:
    body = namespace.create("fresh")
    assert body["status"] == {"observedGeneration": -1}
    assert body["spec"] == manifest("fresh")["spec"], "a spec stays as its user wrote it"


def test_kubectl_knows_its_short_name_category_and_columns(namespace: Namespace, served: ControlPlane) -> None:
    (kind,) = [
        one
        for one in served.api.call("GET", "/apis/shardwright.io/v1alpha1")["resources"]
        if one["name"] == "shardedcheckpoints"
    ]
    assert kind["shortNames"] == ["sckpt"]
    assert kind["categories"] == ["shardwright"]
    version = custom_resource_definition()["spec"]["versions"][0]
    shown = [(one["name"], one.get("priority", 0)) for one in version["additionalPrinterColumns"]]
    assert [name for name, priority in shown if priority == 0] == [
        "Ready",
        "Reason",
        "Source",
        "TP",
        "Stage",
        "Size",
        "Age",
    ]
    assert [name for name, priority in shown if priority == 1] == ["Message", "Job"]


def test_the_crd_is_small_and_every_field_is_validated() -> None:
    assert CRD.stat().st_size < 200_000
    assert yaml.safe_load(CRD.read_text()) == custom_resource_definition(), "run `make generate`"
    assert "x-kubernetes-preserve-unknown-fields" not in CRD.read_text()


def _rules(schema: Any) -> list[dict[str, str]]:
    if isinstance(schema, list):
        return [rule for one in schema for rule in _rules(one)]
    if not isinstance(schema, dict):
        return []
    own: list[dict[str, str]] = schema.get("x-kubernetes-validations", [])
    return [*own, *(rule for value in schema.values() for rule in _rules(value))]
