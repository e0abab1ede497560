"""Manifests that the API server must reject, with the message that users read, and manifests that it must accept."""

from typing import Any

from shardwright_worker.contract.vllm_support.engine_arguments import EXTRA_ARGUMENTS, Value
from shardwright_worker.contract.vllm_support.quantization import ONLINE, UNSAVABLE
from tests.api.spec_parts import HUB, PREFERRED, REQUIRED, affinity, created, engine, hub, job, output, required

WRONG: list[tuple[dict[str, Any], str]] = [
    # source
    ({"source": {}}, "must have exactly one of huggingFace and persistentVolumeClaim"),
    ({"source": {**HUB, "persistentVolumeClaim": {"claimName": "m"}}}, "must have exactly one of huggingFace and"),
    ({"source": {"huggingFace": {}}}, "spec.source.huggingFace.repo: Required value"),
    (hub(repo="https://huggingface.co/org/model"), "must be the name of a repository on the Hub, such as org/model"),
    (hub(repo="org/model/extra"), "must be the name of a repository on the Hub"),
    (hub(endpoint="ftp://hub"), "must be an http or https address without user and password"),
    (hub(endpoint="https://me:secret@hub"), "set tokenSecretRef for a token"),
    (hub(tokenSecretRef={"name": "hf"}), "spec.source.huggingFace.tokenSecretRef.key: Required value"),
    (hub(include=["*"] * 33), "must have at most 32 items"),
    ({"source": {"persistentVolumeClaim": {"claimName": "m", "path": "/llama"}}}, "leave out the leading /"),
    ({"source": {"persistentVolumeClaim": {"claimName": "m", "path": "a/../b"}}}, "must not have . or .. as a part"),
    ({"source": {"persistentVolumeClaim": {"claimName": "m", "path": "a//b"}}}, "must not have empty parts"),
    ({"source": {"persistentVolumeClaim": {"claimName": "m", "path": "a/"}}}, "must not have empty parts"),
    ({"source": {"persistentVolumeClaim": {"claimName": "m", "path": "a\nb"}}}, "must not have control characters"),
    ({"source": {"persistentVolumeClaim": {"claimName": ""}}}, "spec.source.persistentVolumeClaim.claimName"),
    # engine
    (engine(tensorParallelSize=0), "spec.engine.tensorParallelSize in body should be greater than or equal to 1"),
    (engine(pipelineParallelSize=0), "spec.engine.pipelineParallelSize in body should be greater than or equal to 1"),
    (engine(dtype="int8"), 'spec.engine.dtype: Unsupported value: "int8": supported values: "auto"'),
    *((engine(quantization=name), "use a checkpoint that is quantized already") for name in (*UNSAVABLE, *ONLINE)),
    (engine(hfOverrides="rope=1"), "must be a JSON object as text, such as '{}'"),
    (engine(hfOverrides="[1]"), "must be a JSON object as text"),
    (engine(extraArgs={"data_parallel_size": "2"}), "must only have the names code_revision, config_format"),
    (engine(extraArgs={"enable_lora": "true"}), "must only have the names "),
    (engine(quantization="TorchAO"), "use a checkpoint that is quantized already"),
    (engine(extraArgs={"load_format": "dummy"}), "load_format (how the source is read) must be one of auto, hf"),
    (engine(extraArgs={"load_format": "sharded_state"}), "load_format (how the source is read) must be one of"),
    *(
        (engine(extraArgs={name: "nonsense"}), f"{name} ({argument.help}) must be")
        for name, argument in EXTRA_ARGUMENTS.items()
        if argument.value in (Value.CHOICE, Value.SWITCH, Value.COUNT)
    ),
    (engine(extraArgs={"distributed_timeout_seconds": "0"}), "must be a whole number above 0, of at most 9 digits"),
    # output
    (output(persistentVolumeClaim={}), "spec.output.persistentVolumeClaim.claimName: Required value"),
    (created(size="-5Gi"), "must be a size above 0, such as 5Gi or 500M"),
    (created(size="0"), "must be a size above 0"),
    (created(accessModes=["ReadOnlyMany"]), 'Unsupported value: "ReadOnlyMany"'),
    (created(accessModes=[]), "should have at least 1 items"),
    (created(accessModes=["ReadWriteMany", "ReadWriteMany"]), "Duplicate value"),
    (created(whenDeleted="Keep"), 'Unsupported value: "Keep": supported values: "Retain", "Delete"'),
    (output(path="/shards"), "must be relative to the root of the volume: leave out the leading /"),
    (output(path="a/.sources"), "must not have a part that starts with a dot: such folders are reserved"),
    (output(path="a b"), "must only have letters"),
    (output(maxFileSize="five"), "must be a size above 0, such as 5Gi or 500M"),
    (output(path="models//llama"), "must not have empty parts: write it like a/b, with one slash between and none at"),
    (output(path="models/"), "must not have empty parts"),
    (output(path="a/./b"), "must not have a part that starts with a dot"),
    (output(filePattern="model-{rank}.safetensors"), "must have {part} exactly once"),
    (output(filePattern="{part}-{rank}-{part}.safetensors"), "must have {part} exactly once"),
    (output(filePattern="model-{rank}-{part}.bin"), "must end with .safetensors"),
    (
        output(filePattern="{layer}-{rank}-{part}.safetensors"),
        "has an unknown field or a single brace: the fields are {rank},",
    ),
    (output(filePattern="../{rank}-{part}.safetensors"), "must be a plain file name of letters, digits, dots, dashes"),
    (
        output(filePattern="m-{rank}{part}.safetensors"),
        "must have a character other than a digit between two fields and",
    ),
    (output(filePattern="m-{part}.safetensors"), "output.filePattern must have {tp_rank} or {rank}, since the"),
    (
        {**engine(pipelineParallelSize=2), **output(filePattern="m-{rank}-{part}.safetensors")},
        "output.filePattern must have {pp_rank}, since the pipeline parallel size is larger than 1",
    ),
    (output(filePattern="m-{pp_rank}-{tp_rank}-{part}.safetensors"), "must not have {pp_rank} without pipeline"),
    (output(historyLimit=0), "spec.output.historyLimit in body should be greater than or equal to 1"),
    # verification and recheck
    ({"verification": "None"}, 'Unsupported value: "None": supported values: "Digests", "Load", "Generate"'),
    ({"recheck": {}}, "spec.recheck.interval: Required value"),
    ({"recheck": {"interval": "daily"}}, "must be a duration such as 2h, 90m or 1h30m"),
    # job
    (job(deadline="2 hours"), "must be a duration such as 2h, 90m or 1h30m"),
    (job(deadline="0s"), "must be a duration such as 2h, 90m or 1h30m"),
    (job(deadline="999999h"), "must be a duration such as 2h, 90m or 1h30m"),
    (job(ttlAfterFinished=""), "must be a duration such as 2h, 90m or 1h30m"),
    (job(ttlAfterFinished="59s"), "must be at least 1m: the outcome of a Job is read from it after its end"),
    (job(ttlAfterFinished="1s"), "must be at least 1m"),
    (job(resources={"limits": {"cpu": -1}}), "must be a quantity such as 16Gi or 500m"),
    (job(resources={"limits": {"cpu": True}}), "spec.job.resources.limits.cpu"),
    (job(maxAttempts=0), "spec.job.maxAttempts in body should be greater than or equal to 1"),
    (
        job(resources={"limits": {"nvidia.com/gpu": "8"}}),
        "resources.limits must not have the accelerators: their number follows from spec.engine",
    ),
    (
        job(acceleratorResource="amd.com/gpu", resources={"requests": {"amd.com/gpu": "1"}}),
        "resources.requests must not have the accelerators",
    ),
    (job(resources={"limits": {"memory": "lots"}}), "must be a quantity such as 16Gi or 500m"),
    (job(resources={"limits": {"memory": "-1Gi"}}), "must be a quantity such as 16Gi or 500m"),
    (
        job(tolerations=[{"key": "gpu", "operator": "Exists", "value": "a"}]),
        "value must be empty for the operator Exists",
    ),
    (job(tolerations=[{"value": "a"}]), "operator must be Exists without a key"),
    (job(tolerations=[{"key": "gpu", "tolerationSeconds": 1}]), "tolerationSeconds needs the effect NoExecute"),
    (affinity(required()), "nodeSelectorTerms in body should have at least 1 items"),
    (affinity(required({"key": "zone", "operator": "In"})), "values must not be empty for In and NotIn"),
    (
        affinity(required({"key": "zone", "operator": "Exists", "values": ["a"]})),
        "values must be empty for Exists and DoesNotExist",
    ),
    (
        affinity(required({"key": "cores", "operator": "Gt", "values": ["1", "2"]})),
        "values must hold exactly one integer for Gt and Lt",
    ),
    (affinity(required({"key": "a b", "operator": "Exists"})), "matchExpressions[0].key in body should match"),
    (affinity({PREFERRED: [{"weight": 0, "preference": {}}]}), "weight in body should be greater than or equal to 1"),
    (affinity(podAffinity={REQUIRED: [{"labelSelector": {}}]}), "topologyKey: Required value"),
    (
        affinity(podAffinity={REQUIRED: [{"topologyKey": "zone", "matchLabelKeys": ["app"]}]}),
        "matchLabelKeys needs labelSelector",
    ),
    (job(env=[{"name": "1A"}]), "name must be letters, digits and underscores, and must not start with a digit"),
    (job(env=[{"name": "HF_TOKEN", "value": "x"}]), "use spec.source.huggingFace.tokenSecretRef"),
    (job(env=[{"name": "PYTHONPATH", "value": "/source"}]), "put what has to run into the image of spec.engine.image"),
    (job(env=[{"name": "LD_PRELOAD", "value": "/source/x"}]), "decides which code runs in the worker"),
    (job(env=[{"name": "VLLM_PLUGINS", "value": "x"}]), "decides which code runs in the worker"),
    (job(env=[{"name": "VLLM_PP_LAYER_PARTITION", "value": "20,12"}]), "may decide what the shards hold"),
    (job(env=[{"name": "HF_HUB_OFFLINE", "value": "0"}]), "is set by the operator, the worker or the device plugin"),
    (job(env=[{"name": "SHARDWRIGHT_X"}]), "leave it out"),
    (job(env=[{"name": "HF_ENDPOINT", "value": "http://x"}]), "use spec.source.huggingFace.endpoint"),
    (job(env=[{"name": "A"}, {"name": "A"}]), 'Duplicate value: {"name":"A"}'),
    (job(podSecurityContext={"runAsUser": 0}), "spec.job.podSecurityContext.runAsUser in body should be greater"),
    (job(podSecurityContext={"privileged": True}), 'unknown field "spec.job.podSecurityContext.privileged"'),
    (job(tolerations=[{"operator": "In"}]), 'Unsupported value: "In": supported values: "Exists", "Equal"'),
    ({"replicas": 1}, 'unknown field "spec.replicas"'),
]

RIGHT: list[dict[str, Any]] = [
    {},
    {"source": HUB, "engine": None},
    hub(repo="gpt2", revision="refs/pr/1", endpoint="http://hub.models.svc:8080", include=["*.safetensors"]),
    {"source": {"persistentVolumeClaim": {"claimName": "m", "path": ".cache/hub/models--org--m/snapshots/0"}}},
    engine(hfOverrides='{"rope_theta": 1}', extraArgs={"load_format": "runai_streamer"}, dtype="bfloat16"),
    {**engine(pipelineParallelSize=2), **output(filePattern="m-{pp_rank}-{tp_rank}-{part}.safetensors")},
    {**engine(tensorParallelSize=1, pipelineParallelSize=2), **output(filePattern="{pp_rank}-{part}.safetensors")},
    {
        **engine(tensorParallelSize=1),
        **output(filePattern="m-{part}.safetensors", historyLimit=1, path="team_a/llama.v2"),
    },
    created(size="40Gi", storageClassName="fast", accessModes=["ReadWriteMany"], whenDeleted="Delete"),
    {"recheck": {"interval": "24h", "rebuild": True}, "verification": "Generate", "suspend": True},
    job(
        acceleratorResource="amd.com/gpu",
        resources={"requests": {"cpu": "500m"}, "limits": {"memory": "64Gi"}},
        nodeSelector={"pool": "gpu"},
        tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        affinity={
            "nodeAffinity": required({"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}),
            "podAffinity": {REQUIRED: [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}]},
            "podAntiAffinity": {
                PREFERRED: [
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
    job(resources={"requests": {"cpu": 2, "memory": "1Gi"}, "limits": {"cpu": 4, "memory": 1073741824}}),
    job(ttlAfterFinished="1m", env=[{"name": "NCCL_DEBUG", "value": "INFO"}]),
    job(ttlAfterFinished="60s"),
]
