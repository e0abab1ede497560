"""The worker's last word: one JSON report that fits a container's termination message."""

import json

from pydantic import Field, ValidationError

from shardwright_worker.contract.model import Wire
from shardwright_worker.contract.reasons import Reason

LIMIT = 4096  # bytes; Kubernetes cuts a termination message there
_CUT = " … (cut)"


class SourceReport(Wire):
    """A resolved source. `path` is relative to the root of the volume named by `volume` ("source" or "output").

    `fingerprint`: SHA-256 in hex over names, sizes and times (mtime_ns, ctime_ns) of its files; empty if unknown.
    """

    digest: str
    fingerprint: str = ""
    revision: str
    path: str
    volume: str
    bytes: int
    files: int


class ArtifactReport(Wire):
    """A published artifact. `path` is relative to the output volume; `manifest_digest` is the manifest's SHA-256.

    `looked_at`: what this look at it has read: "Headers" (manifest, sizes, headers) or "Bytes" (every byte).
    """

    key: str
    path: str
    manifest_digest: str
    bytes: int
    files: int
    vllm_version: str
    accelerator: str
    verified_by: str
    source_revision: str = ""
    completed_at: str
    looked_at: str = "Headers"


class Report(Wire):
    """What a stage did. A success carries `source` and maybe `artifact`, a failure `reason` and `message`."""

    schema_version: int = 1
    stage: str
    succeeded: bool
    key: str = ""
    reason: Reason = Reason.SUCCEEDED
    message: str = ""
    error_type: str | None = None
    rank: int | None = None
    exit_code: int = 0
    retry_after: float | None = None  # seconds for which the hub asked to be left alone
    source: SourceReport | None = None
    artifact: ArtifactReport | None = None
    upkeep: dict[str, str] = Field(default_factory=dict)
    durations: dict[str, float] = Field(default_factory=dict)

    def to_text(self) -> str:
        """JSON of at most 4096 bytes: first the message is cut, then what only informs is left out."""
        error_type = self.error_type[:100] if self.error_type else None
        shorter = (
            self,
            self.model_copy(update={"upkeep": {}, "durations": {}, "error_type": error_type}),
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
            if len(self._dump(message[:middle] + _CUT).encode()) <= LIMIT:
                low = middle
            else:
                high = middle - 1
        text = self._dump(message[:low] + _CUT)
        return text if len(text.encode()) <= LIMIT else None

    def _dump(self, message: str) -> str:
        text = json.dumps({**self.to_wire(), "message": message}, ensure_ascii=False, separators=(",", ":"))
        # File names may hold bytes that are no text; Python carries them as surrogates, which no encoder takes.
        return text.encode(errors="replace").decode()


def read_report(text: str) -> Report | None:
    """The report in a termination message, None if there is none that can be read."""
    try:
        return Report.model_validate_json(text)
    except ValidationError:
        return None
