"""What decides an artifact's key besides its source, where it is published, and whether it is finished."""

from dataclasses import dataclass, field
from pathlib import Path

from shardwright_worker.artifact.check import check_artifact
from shardwright_worker.artifact.find import find_artifact, find_damage
from shardwright_worker.artifact.target_state import TargetState, reject_foreign, target_state
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import DEFAULT_MAX_FILE_SIZE, STAGING_FOLDER, artifact_key
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.contract.vllm_support.installed import installed_vllm
from shardwright_worker.files.nofollow import reject_symlinks
from shardwright_worker.reporting.progress_output import ShowProgress, ignore_progress


@dataclass(frozen=True)
class Layout:
    """Engine settings, image, file pattern and part size, and the output folder.

    `deep`: an inspection of the artifact reads every byte. `verification`: the requested level. `damage` and `seen`
    hold the results of earlier inspections by key.
    """

    engine: EngineSettings
    output: Path
    volume_root: Path
    image: str = ""
    file_pattern: str = ""
    max_file_size: int = DEFAULT_MAX_FILE_SIZE
    deep: bool = False
    verification: str = "digests"
    show: ShowProgress = field(default=ignore_progress, compare=False)
    damage: dict[str, str] = field(default_factory=dict, compare=False)
    seen: dict[str, ArtifactReport | None] = field(default_factory=dict, compare=False)

    def key(self, digest: str) -> str:
        """Return the artifact's key for a source with this digest."""
        return artifact_key(digest, self.engine, self.image, self.file_pattern, self.max_file_size, installed_vllm())

    def finished(self, key: str) -> ArtifactReport | None:
        """Return the artifact if it is there and complete; each key is inspected once.

        Raises:
            WorkerFailure: ArtifactDamaged if its name is taken by something that a new artifact must not replace.
        """
        if key not in self.seen:
            self.seen[key] = self._inspect(key)
        return self.seen[key]

    def _inspect(self, key: str) -> ArtifactReport | None:
        reject_symlinks(self.volume_root, self.output / STAGING_FOLDER)
        found = find_artifact(self.output, key, self.volume_root, installed_vllm())
        folder = self.output / key
        if found is None:
            reject_foreign(folder, key)
            self.damage[key] = find_damage(folder, key) if target_state(folder, key) == TargetState.DAMAGED else ""
            return None
        return self._read_every_byte(found) if self.deep else found

    def _read_every_byte(self, found: ArtifactReport) -> ArtifactReport | None:
        try:
            check_artifact(self.output / found.key, True, self.show)
        except WorkerFailure as failure:
            if failure.reason != Reason.ARTIFACT_DAMAGED:
                raise
            self.damage[found.key] = failure.message
            return None
        return found.model_copy(update={"check_depth": "Bytes"})
