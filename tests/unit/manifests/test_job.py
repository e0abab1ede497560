"""The command lines of both Jobs, as the worker parses them."""

from __future__ import annotations

from typing import Any

from shardwright_worker.cli.arguments import build_parser
from tests.unit.manifests.built_jobs import (
    BOTH,
    HUB,
    SOURCES,
    arguments_of,
    pod_of,
    prepare_job,
    shard_job,
    worker_of,
)


@BOTH
@SOURCES
def test_the_worker_parses_the_command_line(build: Any, parts: dict[str, Any]) -> None:
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
    worker = worker_of(build(**everything, **parts))
    assert worker["command"] == ["shardwright-worker"]
    arguments = build_parser().parse_args(worker["args"])
    assert (arguments.output, arguments.volume_root) == ("/output/models", "/output")
    assert (arguments.tensor_parallel_size, arguments.pipeline_parallel_size, arguments.image) == (4, 2, "engine:1")
    assert (arguments.max_file_size, arguments.report) == (2 * 1024**3, worker["terminationMessagePath"])


def test_only_prepare_has_the_token_and_goes_online() -> None:
    prepare, shard = prepare_job(source=HUB), shard_job(source=HUB)
    (secret,) = [volume["secret"] for volume in pod_of(prepare)["volumes"] if "secret" in volume]
    assert secret["secretName"] == "hf"
    arguments = arguments_of(prepare)
    assert (arguments.repo, arguments.revision, arguments.endpoint) == ("org/model", "v1", "https://hub.example")
    assert (arguments.include, arguments.exclude) == (["*.safetensors", "*.json"], ["original/*"])
    assert arguments.token_file == "/token/token"
    assert not any("secret" in volume for volume in pod_of(shard)["volumes"])
    assert arguments_of(shard).source == "/output/.sources/d1"
