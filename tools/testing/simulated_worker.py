"""A simulated worker: reads the command line of a Job's pod and returns the report that the worker would write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.naming import DEFAULT_MAX_FILE_SIZE, artifact_key, digest_of
from shardwright_worker.contract.report import ArtifactReport, Report, SourceReport

_FLAGS_WITHOUT_VALUE = ("--deep", "--enable-expert-parallel", "--measure", "--trust-remote-code")


class Volumes:
    """The content of the simulated volumes: (namespace, claim) -> artifact path -> the artifact."""

    def __init__(self) -> None:
        self.artifacts: defaultdict[tuple[str, str], dict[str, ArtifactReport]] = defaultdict(dict)
        self.revision = "sim-1"  # of the source; a test changes it


def report_of(pod: Mapping[str, Any], stage: str, volumes: Volumes) -> Report:
    """Return the report of a worker that succeeds; the shard stage publishes its artifact on the simulated volume."""
    command = Command(pod)
    published = volumes.artifacts[(pod["metadata"]["namespace"], command.output_claim)]
    source = SourceReport(
        digest=digest_of([command.source, volumes.revision]),
        revision=volumes.revision,
        path=command.source.strip("/"),
        volume="output" if command.flags.get("--repo") else "source",
        bytes=1000,
        files=3,
    )
    key = command.flags.get("--artifact-name") or command.key(source.digest)
    path = f"{command.output_path}/{key}".strip("/")
    if stage == "prepare":
        return Report(stage="Prepare", succeeded=True, key=key, source=source, artifact=published.get(path))
    artifact = ArtifactReport(
        key=key,
        path=path,
        manifest_digest=digest_of(path),
        bytes=1000,
        files=4,
        vllm_version="0.32.0",
        accelerator="simulated",
        verified_by=command.flags.get("--verification", "load").capitalize(),
        source_revision=volumes.revision,
        completed_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    published[path] = artifact
    steps = {"import": 0.4, "configure": 0.1, "startRanks": 0.2, "readWeights": 0.3}
    durations = {"load": 1.0, **steps, "save": 1.0, "verify": 1.0, "publish": 0.1}
    return Report(stage="Shard", succeeded=True, key=key, artifact=artifact, duration_seconds=durations)


class Command:
    """The command line and the mounts of a pod's only container."""

    def __init__(self, pod: Mapping[str, Any]) -> None:
        container = pod["spec"]["containers"][0]
        words = [*container.get("command", []), *container.get("args", [])]
        self.flags: dict[str, str] = {}
        self.engine_arguments: dict[str, str] = {}
        self._read(words)
        claims = {
            volume["name"]: volume["persistentVolumeClaim"]["claimName"]
            for volume in pod["spec"].get("volumes", [])
            if "persistentVolumeClaim" in volume
        }
        mounts = {mount["mountPath"]: claims.get(mount["name"], "") for mount in container.get("volumeMounts", [])}
        self.output_claim = mounts.get("/output", "")
        self.output_path = self.flags.get("--output", "/output").removeprefix("/output").strip("/")
        self.source = self.flags.get("--repo") or self.flags.get("--source", "")

    def key(self, source_digest: str) -> str:
        """Return the artifact's key for these flags."""
        engine = EngineSettings(
            tensor_parallel_size=int(self.flags.get("--tensor-parallel-size", "1")),
            pipeline_parallel_size=int(self.flags.get("--pipeline-parallel-size", "1")),
            enable_expert_parallel="--enable-expert-parallel" in self.flags,
            dtype=self.flags.get("--dtype", "auto"),
            quantization=self.flags.get("--quantization", ""),
            trust_remote_code="--trust-remote-code" in self.flags,
            hf_overrides=self.flags.get("--hf-overrides", ""),
            extra_args=self.engine_arguments,
        )
        pattern = self.flags.get("--file-pattern", "")
        size = self.flags.get("--max-file-size", "")
        limit = int(size) if size.isdigit() else DEFAULT_MAX_FILE_SIZE
        return artifact_key(source_digest, engine, self.flags.get("--image", ""), pattern, limit)

    def _read(self, words: list[str]) -> None:
        rest = iter(words)
        for word in rest:
            if not word.startswith("--"):
                continue
            name, separator, value = word.partition("=")
            if not separator and name not in _FLAGS_WITHOUT_VALUE:
                value = next(rest, "")
            if name == "--engine-arg":
                key, _, setting = value.partition("=")
                self.engine_arguments[key] = setting
            else:
                self.flags[name] = value
