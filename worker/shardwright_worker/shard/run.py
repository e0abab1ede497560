"""The shard stage: load and save in one process, prove in a fresh one, publish. Imports no vLLM itself."""

import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shardwright_worker.artifact.find import finished_artifact
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Engine, Manifest, Part, Source, Verification
from shardwright_worker.contract.naming import artifact_key, default_file_pattern
from shardwright_worker.contract.progress import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.publish.publish import publish
from shardwright_worker.publish.staging import Staging
from shardwright_worker.shard.child import Child, stop_all, warm_up
from shardwright_worker.shard.environment import prepare_environment
from shardwright_worker.shard.metadata import copy_metadata, correct_config
from shardwright_worker.shard.rank import RankPlan, heard
from shardwright_worker.shard.read_ahead import reading_ahead
from shardwright_worker.shard.request import ShardRequest
from shardwright_worker.verify.digests import digest_file, verify_digests
from shardwright_worker.verify.run import prove
from shardwright_worker.volume_errors import volume_errors

Tell = Callable[[Progress], None]
_NAMES = {
    Stage.LOADING: "load",
    Stage.SAVING: "save",
    Stage.VERIFYING: "verify",
    Stage.PUBLISHING: "publish",
}


def stop() -> None:
    """End all processes of the engine: the worker is told to stop."""
    stop_all()


def shard(request: ShardRequest, progress: Tell) -> ArtifactReport:
    """Make, prove and publish the artifact; one that is published already is returned at once.

    Raises WorkerFailure with a reason of the closed list. Nothing that failed ever has the final name.
    """
    clock = Clock(progress)
    source = _source(request)
    key = request.artifact_name or artifact_key(
        source.digest, request.settings, request.image, request.file_pattern, request.max_file_size
    )
    root = request.volume_root or request.output
    if finished := finished_artifact(request.output, key, root):
        return finished
    prepare_environment()
    warm_up()
    with Staging(request.output, key, request.attempt) as staging, tempfile.TemporaryDirectory() as scratch:
        manifest = _make(request, source, key, staging.path, Path(scratch), clock)
        clock.start(Stage.PUBLISHING)
        return publish(staging, manifest, request.output / key, root, clock.durations)


def _make(request: ShardRequest, source: Source, key: str, staging: Path, scratch: Path, clock: "Clock") -> Manifest:
    """Everything in staging, proven."""
    plan = RankPlan(
        staging, scratch / "ranks", request.file_pattern, request.max_file_size, request.settings.world_size
    )
    plan.scratch.mkdir()
    job = {
        "source": str(request.source),
        "engine": request.settings.model_dump(),
        "scratch": str(plan.scratch),
        "writes": request.verification == "generate",
    }
    clock.start(Stage.LOADING)
    engine = Child("shardwright_worker.shard.process", scratch / "engine", job, plan.to_environment())
    try:
        with reading_ahead(request.source):
            saved = engine.wait(lambda: _look(plan, request, clock))
        parts = _parts(saved)
        untied = any(rank.get("untied") for rank in saved["ranks"].values())
        with volume_errors(staging, "write the files beside the weights", request.source):
            names = copy_metadata(request.source, staging, request.settings.trust_remote_code)
            correct_config(staging, untied, saved["engine"]["dtype"], saved["engine"].pop("quantization_lists"))
            metadata = [digest_file(staging, name) for name in names]
        manifest = Manifest(
            key=key,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            source=source,
            engine=Engine(settings=request.settings, image=request.image, **saved["engine"]),
            file_pattern=request.file_pattern or default_file_pattern(request.settings.pipeline_parallel_size),
            max_file_size=request.max_file_size,
            parts=parts,
            metadata=metadata,
            verification=Verification(level=request.verification.capitalize()),
        )
        clock.start(Stage.VERIFYING)
        if request.verification != "digests":
            proof = prove(request, manifest, staging, scratch, saved, clock.repeat)
        else:
            with volume_errors(staging, "read the parts again"):
                verify_digests(staging, manifest, on_bytes=clock.bytes)
            proof = Verification(level="Digests", tensors=sum(len(part.tensors) for part in parts))
        return manifest.model_copy(update={"verification": proof, "durations": clock.durations()})
    finally:
        stop_all()
        shutil.rmtree(scratch / "engine", ignore_errors=True)


def _source(request: ShardRequest) -> Source:
    if not request.source_digest:
        raise WorkerFailure(Reason.INVALID_ENGINE_ARGUMENTS, "--source-digest: the source must have been prepared")
    revision = request.source_revision or request.source_digest
    files = list(request.source_files)
    return Source(digest=request.source_digest, revision=revision, repo=request.source_repo, files=files)


def _parts(saved: dict[str, Any]) -> list[Part]:
    parts = [Part.model_validate(part) for rank in saved["ranks"].values() for part in rank["parts"]]
    return sorted(parts, key=lambda part: (part.rank, part.part))


def _look(plan: RankPlan, request: ShardRequest, clock: "Clock") -> None:
    """Tell how far the ranks are."""
    written = heard(plan.scratch, "bytes")
    if written:
        clock.start(Stage.SAVING)
        done = len(heard(plan.scratch, "saved"))
        so_far = sum(one["done"] for one in written.values())
        total = sum(one["total"] for one in written.values()) if len(written) == request.settings.world_size else None
        clock.tell(ranks_done=done, ranks=request.settings.world_size, bytes_done=so_far, bytes_total=total)
    else:
        clock.tell(ranks=request.settings.world_size)


class Clock:
    """Knows the stage and how long each took, and tells both."""

    def __init__(self, progress: Tell) -> None:
        self._progress = progress
        self._born = self._since = time.monotonic()
        self._stage: Stage | None = None
        self._told: object = None
        self._told_at = 0.0
        self._seconds: dict[Stage, float] = {}
        self._bytes = 0

    def start(self, stage: Stage) -> None:
        """A stage begins, unless it runs already."""
        if stage != self._stage:
            self._close()
            self._stage, self._bytes = stage, 0
            self.tell()

    def tell(self, **facts: int | None) -> None:
        """Say how far the stage is: what is news at once, the same again once a second."""
        now = time.monotonic()
        news = (self._stage, facts)
        if self._stage is not None and (news != self._told or now - self._told_at >= 1):
            self._told, self._told_at = news, now
            self._progress(Progress(stage=self._stage, seconds=round(now - self._born, 1), **facts))

    def repeat(self) -> None:
        """Say that the stage goes on."""
        self.tell()

    def bytes(self, count: int) -> None:
        """That many more bytes are through."""
        self._bytes += count
        self.tell(bytes_done=self._bytes)

    def durations(self) -> dict[str, float]:
        """Seconds of each stage so far, by the names of the status."""
        self._close()
        return {_NAMES[stage]: round(seconds, 2) for stage, seconds in self._seconds.items()}

    def _close(self) -> None:
        now = time.monotonic()
        if self._stage is not None:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._since
        self._since = now
