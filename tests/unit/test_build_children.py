"""What Jobs and claims are made of: restricted pods, the command line of the worker, and nothing of the user's."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright_operator.api.names import SUSPENDED
from shardwright_operator.api.spec import Spec
from shardwright_operator.api.status import ResolvedSource
from shardwright_operator.manifests.job_template import JobFacts, template_of
from shardwright_operator.manifests.output_claim import build_claim
from shardwright_operator.manifests.prepare_job import Known, Pruning, build_prepare_job
from shardwright_operator.manifests.shard_job import build_shard_job
from shardwright_worker.cli.arguments import build_parser
from tools.testing.checkpoints import manifest

SOURCE = ResolvedSource(digest="d1", revision="r1", path=".sources/d1", volume="output", key="0123456789abcdef")
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


def _spec(**parts: Any) -> Spec:
    return Spec.model_validate(manifest("llama", path="llama", **parts)["spec"])


def _facts(stage: str) -> JobFacts:
    return JobFacts("models", "llama", "uid-1", f"llama-{stage.lower()}-00000000-3", stage, 3, "abcdef01")


def _prepare(**parts: Any) -> dict[str, Any]:
    return build_prepare_job(_facts("Prepare"), _spec(**parts), "engine:1", "prepare:1")


def _shard(**parts: Any) -> dict[str, Any]:
    return build_shard_job(_facts("Shard"), _spec(**parts), "engine:1", SOURCE)


def _pod(job: dict[str, Any]) -> Any:
    return job["spec"]["template"]["spec"]


def _worker(job: dict[str, Any]) -> Any:
    (container,) = _pod(job)["containers"]
    return container


def _claims(job: dict[str, Any]) -> dict[str, bool]:
    mounted = [volume.get("persistentVolumeClaim") for volume in _pod(job)["volumes"]]
    return {one["claimName"]: one.get("readOnly", False) for one in mounted if one}


BOTH = pytest.mark.parametrize("build", [_prepare, _shard], ids=["prepare", "shard"])
SOURCES = pytest.mark.parametrize("parts", [{}, {"source": HUB}], ids=["claim", "hub"])


@BOTH
@SOURCES
def test_pods_hold_no_token_of_the_cluster_and_write_to_scratch_only(build: Any, parts: dict[str, Any]) -> None:
    job = build(**parts)
    pod, worker = _pod(job), _worker(job)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert worker["securityContext"]["readOnlyRootFilesystem"] is True
    assert "serviceAccountName" not in pod
    scratch = [mount["mountPath"] for mount in worker["volumeMounts"] if mount["name"] == "scratch"]
    assert scratch == ["/tmp"]
    assert {"name": "HOME", "value": "/tmp"} in worker["env"]


@BOTH
def test_jobs_run_once_and_end(build: Any) -> None:
    job = build(job={"deadline": "1h30m", "ttlAfterFinished": "5m"})["spec"]
    assert (job["backoffLimit"], job["completions"], job["parallelism"]) == (0, 1, 1)
    assert (job["activeDeadlineSeconds"], job["ttlSecondsAfterFinished"]) == (5400, 300)
    assert job["podReplacementPolicy"] == "Failed"
    assert job["template"]["spec"]["restartPolicy"] == "Never"


@BOTH
def test_children_are_found_by_labels_and_go_with_their_resource(build: Any) -> None:
    job = build()
    labels = job["metadata"]["labels"]
    assert labels["shardwright.io/checkpoint"] == "llama"
    assert labels["shardwright.io/checkpoint-uid"] == "uid-1"
    assert labels["shardwright.io/attempt"] == "3"
    assert labels["shardwright.io/inputs"] == "abcdef01"
    assert job["spec"]["template"]["metadata"]["labels"].items() <= labels.items()
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == ("uid-1", True, True)


@BOTH
@SOURCES
def test_the_command_line_is_one_that_the_worker_takes(build: Any, parts: dict[str, Any]) -> None:
    everything = {
        "engine": {
            "tensorParallelSize": 4,
            "pipelineParallelSize": 2,
            "enableExpertParallel": True,
            "dtype": "bfloat16",
            "quantization": "awq",
            "trustRemoteCode": True,
            "hfOverrides": '{"a": 1}',
            "extraArgs": {"load_format": "pt"},
        },
        "output": {
            "persistentVolumeClaim": {"claimName": "shards"},
            "path": "models/",
            "maxFileSize": "2Gi",
            "filePattern": "m-{pp_rank}-{tp_rank}-{part}.safetensors",
        },
        "verification": "Generate",
    }
    worker = _worker(build(**everything, **parts))
    assert worker["command"] == ["shardwright-worker"]
    taken = build_parser().parse_args(worker["args"])
    assert (taken.output, taken.volume_root) == ("/output/models", "/output")
    assert (taken.tensor_parallel_size, taken.pipeline_parallel_size, taken.image) == (4, 2, "engine:1")
    assert (taken.max_file_size, taken.report) == (2 * 1024**3, worker["terminationMessagePath"])


def test_only_prepare_sees_the_token_and_goes_online() -> None:
    prepare, shard = _prepare(source=HUB), _shard(source=HUB)
    (secret,) = [volume["secret"] for volume in _pod(prepare)["volumes"] if "secret" in volume]
    assert secret["secretName"] == "hf"
    taken = build_parser().parse_args(_worker(prepare)["args"])
    assert (taken.repo, taken.revision, taken.endpoint) == ("org/model", "v1", "https://hub.example")
    assert (taken.include, taken.exclude) == (["*.safetensors", "*.json"], ["original/*"])
    assert taken.token_file == "/token/token"
    assert not any("secret" in volume for volume in _pod(shard)["volumes"])
    assert build_parser().parse_args(_worker(shard)["args"]).source == "/output/.sources/d1"


def test_shard_makes_what_prepare_has_named() -> None:
    taken = build_parser().parse_args(_worker(_shard(verification="Digests"))["args"])
    assert (taken.artifact_name, taken.source_digest, taken.source_revision) == (SOURCE.key, "d1", "r1")
    assert (taken.attempt, taken.verification) == ("llama-shard-00000000-3", "digests")


def test_accelerators_follow_from_the_parallel_sizes_and_only_shard_has_them() -> None:
    parts: dict[str, Any] = {
        "engine": {"tensorParallelSize": 4, "pipelineParallelSize": 2},
        "job": {"acceleratorResource": "amd.com/gpu", "resources": {"limits": {"memory": "64Gi"}}},
    }
    assert _worker(_shard(**parts))["resources"] == {"limits": {"memory": "64Gi", "amd.com/gpu": "8"}}
    prepare = _worker(_prepare(**parts))["resources"]
    assert set(prepare) == {"requests", "limits"}
    assert "amd.com/gpu" not in prepare["limits"]


def test_shard_has_shared_memory_for_its_ranks() -> None:
    (volume,) = [one for one in _pod(_shard())["volumes"] if one["name"] == "shared-memory"]
    assert volume["emptyDir"] == {"medium": "Memory"}
    assert {"name": "shared-memory", "mountPath": "/dev/shm"} in _worker(_shard())["volumeMounts"]


@BOTH
def test_the_source_is_mounted_read_only(build: Any) -> None:
    assert _claims(build()) == {"models": True, "shards": False}
    assert build_parser().parse_args(_worker(build())["args"]).source == "/source/llama"


@BOTH
def test_a_source_on_the_output_claim_is_mounted_once(build: Any) -> None:
    job = build(source={"persistentVolumeClaim": {"claimName": "shards", "path": "sources/llama/"}})
    assert _claims(job) == {"shards": False}
    assert build_parser().parse_args(_worker(job)["args"]).source == "/output/sources/llama"


@BOTH
def test_job_fields_reach_the_pod(build: Any) -> None:
    required, preferred = (f"{when}DuringSchedulingIgnoredDuringExecution" for when in ("required", "preferred"))
    hosts = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
    affinity = {
        "nodeAffinity": {
            required: {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]}
        },
        "podAffinity": {required: [hosts]},
        "podAntiAffinity": {preferred: [{"weight": 1, "podAffinityTerm": {"topologyKey": "zone"}}]},
    }
    pod = _pod(
        build(
            job={
                "nodeSelector": {"pool": "gpu"},
                "tolerations": [{"key": "gpu", "operator": "Exists"}, {"key": "spot", "value": "yes"}],
                "affinity": affinity,
                "priorityClassName": "high",
                "runtimeClassName": "nvidia",
                "schedulerName": "other",
                "imagePullSecrets": [{"name": "registry"}],
                "env": [{"name": "HTTPS_PROXY", "value": "http://proxy"}],
                "podSecurityContext": {"runAsUser": 7, "runAsGroup": 0, "fsGroup": 0, "supplementalGroups": [9]},
            }
        )
    )
    assert pod["nodeSelector"] == {"pool": "gpu"}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists"}, {"key": "spot", "value": "yes"}]
    assert pod["affinity"] == affinity
    assert (pod["priorityClassName"], pod["runtimeClassName"], pod["schedulerName"]) == ("high", "nvidia", "other")
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert {"name": "HTTPS_PROXY", "value": "http://proxy"} in pod["containers"][0]["env"]
    ids = pod["securityContext"]
    assert (ids["runAsUser"], ids["runAsGroup"], ids["fsGroup"], ids["supplementalGroups"]) == (7, 0, 0, [9])


def test_ids_are_nobody_unless_given() -> None:
    ids = _pod(_shard())["securityContext"]
    assert (ids["runAsUser"], ids["runAsGroup"], ids["fsGroup"]) == (65532, 65532, 65532)


@BOTH
def test_both_jobs_wait_in_the_queue_if_there_is_one(build: Any) -> None:
    queued, plain = build(job={"queueName": "gpus"}), build()
    assert queued["spec"]["suspend"] is True
    assert queued["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert SUSPENDED not in queued["metadata"]["labels"], "the queue holds it, not the operator"
    assert "suspend" not in plain["spec"]
    assert "kueue.x-k8s.io/queue-name" not in plain["metadata"]["labels"]


@BOTH
def test_the_end_of_the_log_stands_in_for_a_report(build: Any) -> None:
    assert _worker(build())["terminationMessagePolicy"] == "FallbackToLogsOnError"


@BOTH
def test_a_job_stays_long_enough_to_be_seen(build: Any) -> None:
    assert build(job={"ttlAfterFinished": "1s"})["spec"]["ttlSecondsAfterFinished"] == 60


REFUSED = [
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "PYTHONUNBUFFERED",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "BASH_ENV",
    "HOME",
    "PATH",
    "TMPDIR",
    "SHARDWRIGHT_ATTEMPT",
    "HF_TOKEN",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "HF_ENDPOINT",
    "HF_HUB_CACHE",
    "VLLM_PLUGINS",
    "VLLM_LOGGING_CONFIG_PATH",
    "VLLM_ALLOW_INSECURE_SERIALIZATION",
    "VLLM_NCCL_SO_PATH",
    "NCCL_NET_PLUGIN",
    "CUDA_INJECTION64_PATH",
    "NVIDIA_VISIBLE_DEVICES",
    "TRITON_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "CC",
    "CUDA_HOME",
    "OPENSSL_CONF",
    "COVERAGE_PROCESS_START",
    "TORCH_DEVICE_BACKEND_AUTOLOAD",
    "XDG_CONFIG_HOME",
    "VLLM_PP_LAYER_PARTITION",
    "VLLM_MODEL_REDIRECT_PATH",
    "VLLM_REPLICATE_EMBED",
    "VLLM_MLA_DISABLE",
    "VLLM_ROCM_USE_AITER_FUSION_SHARED_EXPERTS",
    "VLLM_ROCM_AITER_MEGA_MOE_FUSE_SHARED_EXPERTS",
    "VLLM_DISABLE_DSV4_MEGAMOE_SHARED_EXPERT_FUSION",
    "VLLM_KIMI_K3_SHARD_SP_SHARED_EXPERT",
    "VLLM_HUMMING_ONLINE_QUANT_CONFIG",
]
ALLOWED = [
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NCCL_DEBUG",
    "NCCL_P2P_DISABLE",
    "NCCL_SOCKET_IFNAME",
    "VLLM_LOGGING_LEVEL",
    "VLLM_ATTENTION_BACKEND",
    "OMP_NUM_THREADS",
    "CUDA_LAUNCH_BLOCKING",
    "HF_HUB_DOWNLOAD_TIMEOUT",
    "TZ",
    "LANG",
    "TOKENIZERS_PARALLELISM",
    "PYTORCH_CUDA_ALLOC_CONF",
    "GLOO_SOCKET_IFNAME",
    "VLLM_ROCM_USE_AITER",
    "VLLM_MXFP4_EMULATION_DEQUANT_AT_LOAD",
    "VLLM_DISABLE_SHARED_EXPERTS_STREAM",
]


@BOTH
@pytest.mark.parametrize("name", REFUSED)
def test_what_decides_which_code_runs_does_not_come_from_env(build: Any, name: str) -> None:
    given = build(job={"env": [{"name": name, "value": "/source/evil"}]})
    assert {"name": name, "value": "/source/evil"} not in _worker(given)["env"]


@BOTH
@pytest.mark.parametrize("name", ALLOWED)
def test_other_names_reach_the_worker(build: Any, name: str) -> None:
    assert {"name": name, "value": "1"} in _worker(build(job={"env": [{"name": name, "value": "1"}]}))["env"]


def test_quantities_may_be_numbers_and_stay_what_they_are() -> None:
    resources = {"requests": {"cpu": 2, "memory": "8Gi"}, "limits": {"cpu": "4", "memory": 17179869184}}
    built = _worker(_shard(job={"resources": resources}))["resources"]
    assert built["requests"] == {"cpu": 2, "memory": "8Gi"}
    assert built["limits"] == {"cpu": "4", "memory": 17179869184, "nvidia.com/gpu": "2"}


def test_prepare_removes_older_artifacts_only_when_told_to() -> None:
    facts, spec = _facts("Prepare"), _spec(output={"persistentVolumeClaim": {"claimName": "shards"}, "historyLimit": 2})
    assert "--history-limit" not in _worker(build_prepare_job(facts, spec, "engine:1", "prepare:1"))["args"]
    pruning = Pruning(2, "k1", ["k2", "k3"])
    job = build_prepare_job(facts, spec, "engine:1", "prepare:1", pruning=pruning)
    taken = build_parser().parse_args(_worker(job)["args"])
    assert (taken.history_limit, taken.published, taken.in_use) == (2, ["k1"], ["k2", "k3"])


def test_prepare_looks_at_the_commit_that_was_resolved_when_told_to() -> None:
    facts, spec = _facts("Prepare"), _spec(source=HUB)
    job = build_prepare_job(facts, spec, "engine:1", "prepare:1", known=Known("0a1b", "d" * 64, ""))
    assert build_parser().parse_args(_worker(job)["args"]).revision == "0a1b"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"job": {"nodeSelector": {"a": "b"}}}, True),
        ({"job": {"deadline": "3h"}}, True),
        ({"verification": "Generate"}, True),
        ({"job": {"maxAttempts": 9}}, False),
        ({"suspend": True}, False),
    ],
)
def test_the_template_label_tells_of_changed_job_fields(change: dict[str, Any], told: bool) -> None:
    before, after = (_spec(**parts) for parts in ({}, change))
    assert (template_of(before) != template_of(after)) is told
    assert _shard(**change)["metadata"]["labels"]["shardwright.io/template"] == template_of(after)


@pytest.mark.parametrize(("when_deleted", "owned"), [("Retain", False), ("Delete", True)])
def test_a_created_claim_outlives_its_resource_unless_told_otherwise(when_deleted: str, owned: bool) -> None:
    create = {"size": "40Gi", "storageClassName": "fast", "accessModes": ["ReadWriteMany"], "whenDeleted": when_deleted}
    spec = _spec(output={"persistentVolumeClaim": {"claimName": "new", "create": create}})
    claim = build_claim("models", "llama", "uid-1", spec)
    assert ("ownerReferences" in claim["metadata"]) is owned
    assert claim["metadata"]["labels"]["shardwright.io/checkpoint-uid"] == "uid-1"
    assert claim["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "40Gi"}},
        "storageClassName": "fast",
    }


def test_a_claim_without_a_class_gets_the_clusters_default() -> None:
    spec = _spec(output={"persistentVolumeClaim": {"claimName": "n", "create": {"size": "1Gi"}}})
    assert "storageClassName" not in build_claim("models", "llama", "uid-1", spec)["spec"]
