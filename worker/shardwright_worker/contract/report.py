"""The worker's report: one JSON object that fits a container's termination message.

Readers do not trust a report: a value out of bounds is left out, or makes the whole report unreadable.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from shardwright_worker.contract.bounded_types import (
    Count,
    Digest,
    Fact,
    Key,
    Moment,
    RelativePath,
    Seconds,
    Wire,
    bounded,
    otherwise,
    read_json,
    seconds,
    text_of,
)
from shardwright_worker.contract.maintenance import MaintenanceReport
from shardwright_worker.contract.measured import Measured
from shardwright_worker.contract.reasons import MEANINGS, Reason
from shardwright_worker.contract.text import CUT
from shardwright_worker.contract.verification_levels import Level

# Bytes; the kubelet truncates a termination message there:
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/api/core/v1/types.go
LIMIT = 4096
LONGEST_RETRY_AFTER = 86400.0  # seconds; no Hub is waited for longer, whatever it asks for


def _durations(values: Any) -> dict[str, float]:
    return bounded(values, seconds, 32)


def _retry_after(value: Any) -> float | None:
    """Return the seconds that the Hub asked clients to wait, a day at most; None if there are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return min(value, LONGEST_RETRY_AFTER) * 1.0


Name = Annotated[str, text_of(253)]


class SourceReport(Wire):
    """A resolved source. `path` is relative to the root of the volume named by `volume` ("source" or "output").

    `fingerprint`: SHA-256 in hex over names, sizes and times (mtime_ns, ctime_ns) of its files; empty if unknown.
    """

    digest: Digest
    fingerprint: Digest | Literal[""] = ""
    revision: Fact
    path: RelativePath
    volume: Literal["source", "output"]
    bytes: Count
    files: Count


class ArtifactReport(Wire):
    """A published artifact. `path` is relative to the output volume; `manifest_digest` is the manifest's SHA-256.

    `check_depth`: what this check of it has read: "Headers" (manifest, sizes, headers) or "Bytes" (every byte).
    """

    key: Key
    path: RelativePath
    manifest_digest: Digest
    bytes: Count
    files: Count
    vllm_version: Name
    accelerator: Name
    verified_by: Level
    source_revision: Fact = ""
    completed_at: Annotated[Moment, otherwise("")]
    check_depth: Annotated[Literal["Headers", "Bytes"], otherwise("Headers")] = "Headers"
    measured: Annotated[Measured | None, otherwise(None)] = None


class Report(Wire):
    """The result of a stage: `source` and `artifact` of a success, `reason` and `message` of a failure."""

    schema_version: Count = 1
    stage: Annotated[str, text_of(40)]
    succeeded: bool = Field(strict=True)
    key: Key | Literal[""] = ""
    reason: Reason = Reason.SUCCEEDED
    message: Annotated[str, text_of(2048), otherwise("")] = ""
    error_type: Annotated[Annotated[str, text_of(100)] | None, otherwise(None)] = None
    rank: Annotated[Count | None, otherwise(None)] = None
    exit_code: int = Field(0, ge=0, le=255)
    # Seconds that the Hub asked clients to wait.
    retry_after_seconds: Annotated[Seconds | None, BeforeValidator(_retry_after)] = None
    source: SourceReport | None = None
    artifact: ArtifactReport | None = None
    maintenance: Annotated[MaintenanceReport, otherwise(MaintenanceReport())] = MaintenanceReport()
    duration_seconds: Annotated[dict[str, float], BeforeValidator(_durations)] = Field(default_factory=dict)

    @property
    def coherent(self) -> bool:
        """Whether success, reason and exit code agree. Only reasons with an exit code are a worker's."""
        if self.succeeded:
            return self.reason == Reason.SUCCEEDED and self.exit_code == 0
        code = MEANINGS[self.reason].exit_code
        return code is not None and self.exit_code in (0, code)

    def to_text(self) -> str:
        """Return JSON of at most 4096 bytes: first the message is cut, then what only informs is left out."""
        error_type = self.error_type[:100] if self.error_type else None
        shorter = (
            self,
            self.model_copy(
                update={
                    "maintenance": MaintenanceReport(),
                    "duration_seconds": {},
                    "error_type": error_type,
                    "artifact": self.artifact and self.artifact.model_copy(update={"measured": None}),
                }
            ),
            Report(stage=self.stage[:40], succeeded=self.succeeded, reason=self.reason, exit_code=self.exit_code),
        )
        for report in shorter:
            text = report._cut_to_fit(self.message)
            if text is not None:
                return text
        raise AssertionError("a report without free text fits")

    def _cut_to_fit(self, message: str) -> str | None:
        text = self._dump(message)
        if len(text.encode()) <= LIMIT:
            return text
        low, high = 0, len(message)
        while low < high:
            middle = (low + high + 1) // 2
            if len(self._dump(message[:middle] + CUT).encode()) <= LIMIT:
                low = middle
            else:
                high = middle - 1
        text = self._dump(message[:low] + CUT)
        return text if len(text.encode()) <= LIMIT else None

    def _dump(self, message: str) -> str:
        text = json.dumps({**self.to_wire(), "message": message}, ensure_ascii=False, separators=(",", ":"))
        # File names may hold bytes that are not UTF-8; Python keeps them as surrogates, which cannot be encoded.
        return text.encode(errors="replace").decode()


def read_report(text: str) -> Report | None:
    """Return the report in a termination message, None if it is unreadable or contradicts itself."""
    report = read_json(Report, text)
    return report if report and report.coherent else None
