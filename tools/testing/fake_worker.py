"""A worker for decision tests: reads a Job's arguments, keeps a set of published artifacts, returns the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shardwright_worker.contract.maintenance import MaintenanceReport, PruneReport
from shardwright_worker.contract.naming import digest_of
from shardwright_worker.contract.report import ArtifactReport, Report, SourceReport
from shardwright_worker.contract.verification_levels import satisfies
from tools.testing.fake_objects import START

_LOST = "the artifact does not exist"


@dataclass(frozen=True)
class Run:
    """One run of the worker: the arguments of its container, and what the volumes are like.

    `mounts_output`: the pod mounts the claim that bears the output's name now, not one that was replaced since.
    """

    arguments: Sequence[str]
    now: float  # Unix time in seconds
    has_source: bool
    mounts_output: bool

    def value(self, flag: str) -> str:
        """Return the value of a flag."""
        return self.arguments[self.arguments.index(flag) + 1]

    def has(self, flag: str) -> bool:
        """Return whether the flag was passed."""
        return flag in self.arguments


class FakeWorker:
    """The worker and what it has published on the output volume; tests change its attributes."""

    def __init__(self) -> None:
        self.revision = "r1"
        self.verified_by = ""  # level of verification of new artifacts; empty: the requested one
        self.published: set[str] = set()  # keys of the artifacts on the volume
        self.levels: dict[str, str] = {}  # key of an artifact -> level of verification
        self.removed: list[str] = []  # keys of pruned artifacts, in order

    def report(self, stage: str, run: Run) -> Report:
        """Return the report of a run that succeeds, and publish or prune as it does."""
        if stage == "shard":
            return self._shard(run)
        if not run.has_source and run.has("--published"):
            return self._check_without_source(run.value("--published"))
        return self._prepare(run)

    def _shard(self, run: Run) -> Report:
        key, requested = run.value("--artifact-name"), run.value("--verification").capitalize()
        if key not in self.published or not satisfies(self.levels.get(key, ""), requested):
            self.levels[key] = self.verified_by or requested
        if run.mounts_output:
            self.published.add(key)
        return Report(stage="Shard", succeeded=True, key=key, artifact=artifact(key, self.levels[key]))

    def _prepare(self, run: Run) -> Report:
        begin, end = run.arguments.index("--tensor-parallel-size"), run.arguments.index("--max-file-size")
        layout = [one for one in run.arguments[begin:end] if "report" not in one and "termination" not in one]
        key = digest_of([layout, self.revision])[:16]
        source = SourceReport(
            digest=digest_of(self.revision),
            revision=self.revision,
            path="",
            volume="source",
            bytes=9,
            files=2,
            fingerprint="f" * 64,
        )
        found = self._find(key) if run.mounts_output else None
        if found and run.has("--deep"):
            found = found.model_copy(update={"check_depth": "Bytes"})
        done = MaintenanceReport(pruned=self._prune(run) if run.has("--history-limit") else None)
        return Report(stage="Prepare", succeeded=True, key=key, source=source, artifact=found, maintenance=done)

    def _check_without_source(self, key: str) -> Report:
        """Report on a published artifact whose source no longer exists."""
        found, missing = self._find(key), "source /source/llama does not exist"
        done = MaintenanceReport(source_problem=missing, damage=None if found else _LOST)
        message = "" if found else _LOST
        return Report(stage="Prepare", succeeded=True, key=key, artifact=found, message=message, maintenance=done)

    def _prune(self, run: Run) -> PruneReport:
        """Remove all artifacts but the published one and those in use, unless the run starts too late."""
        if run.now > int(run.value("--prune-until")):
            return PruneReport(expired=True)
        in_use = {run.arguments[at + 1] for at, one in enumerate(run.arguments) if one == "--in-use"}
        older = self.published - {run.value("--published")}
        removed = sorted(older - in_use)
        self.removed += removed
        self.published -= older - in_use
        return PruneReport(
            kept=len(self.published), removed=removed, removed_count=len(removed), in_use=sorted(older & in_use)
        )

    def _find(self, key: str) -> ArtifactReport | None:
        return artifact(key, self.levels.get(key, "Load")) if key in self.published else None


def artifact(key: str, verified_by: str = "Load") -> ArtifactReport:
    """Return what a report says of an artifact."""
    return ArtifactReport(
        key=key,
        path=f"models/llama/{key}",
        manifest_digest=digest_of(key),
        bytes=1000,
        files=4,
        vllm_version="0.32.0",
        accelerator="cpu",
        verified_by=verified_by,
        completed_at=START.isoformat(),
    )
