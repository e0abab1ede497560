"""The reports of simulated workers, made by the worker's own type, so that they are valid whatever changes in it."""

from shardwright_worker.contract.naming import digest_of
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.report import ArtifactReport, Report, SourceReport

# The template of nodes.yaml replaces these by what the Job's arguments say.
_KEY = "0123456789abcdef"
_PATH = "SIMULATED_PATH"
_TIME = "2026-01-01T00:00:00Z"


def reports() -> dict[str, Report]:
    """Return the report of each result that a simulated pod can have, by its name in nodes.yaml."""
    digest, reason = digest_of("simulated"), Reason.COMMUNICATION_FAILED
    source = SourceReport(digest=digest, revision="simulated", path="tiny-llama", volume="source", bytes=1000, files=3)
    artifact = ArtifactReport(
        key=_KEY,
        path=_PATH,
        manifest_digest=digest,
        bytes=1000,
        files=4,
        vllm_version="0.32.0",
        accelerator="simulated",
        verified_by="Load",
        source_revision="simulated",
        completed_at=_TIME,
    )
    durations = {"load": 1.0, "save": 1.0, "verify": 1.0, "publish": 0.1}
    code = MEANINGS[reason].exit_code or 0
    return {
        "PREPARED": Report(stage="Prepare", succeeded=True, key=_KEY, source=source),
        "SHARDED": Report(stage="Shard", succeeded=True, key=_KEY, artifact=artifact, duration_seconds=durations),
        "FAILED": Report(stage="Prepare", succeeded=False, reason=reason, message="simulated", exit_code=code),
    }
