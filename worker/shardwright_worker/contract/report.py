"""The worker's last word: one JSON report that fits a container's termination message."""

import json

from pydantic import Field, ValidationError

from shardwright_worker.contract.model import Wire
from shardwright_worker.contract.reasons import Reason

LIMIT = 4096  # bytes; Kubernetes cuts a termination message there
_CUT = " … (cut)"


class SourceReport(Wire):
    """A resolved source. `path` is relative to the root of the volume named by `volume` ("source" or "output")."""

    digest: str
    revision: str
    path: str
    volume: str
    bytes: int
    files: int


class ArtifactReport(Wire):
    """A published artifact. `path` is relative to the root of the output volume; `manifest_digest` is SHA-256 of the manifest."""

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
    source: SourceReport | None = None
    artifact: ArtifactReport | None = None
    upkeep: dict[str, str] = Field(default_factory=dict)
    durations: dict[str, float] = Field(default_factory=dict)

    def to_text(self) -> str:
        """JSON of at most 4096 bytes: the message is cut, everything else stays."""
        text = self._dump(self.message)
        if len(text.encode()) <= LIMIT:
            return text
        low, high = 0, len(self.message)
        while low < high:
            middle = (low + high + 1) // 2
            if len(self._dump(self.message[:middle] + _CUT).encode()) <= LIMIT:
                low = middle
            else:
                high = middle - 1
        return self._dump(self.message[:low] + _CUT)

    def _dump(self, message: str) -> str:
        return json.dumps({**self.to_wire(), "message": message}, ensure_ascii=False, separators=(",", ":"))


def read_report(text: str) -> Report | None:
    """The report in a termination message, None if there is none that can be read."""
    try:
        return Report.model_validate_json(text)
    except ValidationError:
        return None
