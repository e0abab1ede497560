"""The part of the status that records maintenance of a published artifact."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from shardwright_operator.api.field_types import StatusPart
from shardwright_worker.contract.maintenance import MOST_KEYS

Keys = Annotated[list[str], Field(max_length=MOST_KEYS)]


class LastPruned(StatusPart):
    """The last removal of older artifacts that was completed. Artifacts are listed by key, the name of their folder."""

    artifact: str = Field(description="Key of the artifact that was published at that time.")
    history_limit: int = Field(description="Value of spec.output.historyLimit at that time.")
    kept: int = Field(0, description="Number of artifacts that are left in the output folder.")
    removed: Keys = Field(default_factory=list, description="Artifacts that were removed; at most 20 are listed.")
    removed_count: int = Field(0, description="Number of artifacts that were removed.")
    not_removed: Keys = Field(
        default_factory=list,
        description="Artifacts that could not be removed or are not recognized as artifacts of this resource; at most"
        " 20 are listed.",
    )
    in_use: Keys = Field(
        default_factory=list,
        description="Artifacts beyond the limit that a pod mounts. They are removed once no pod mounts them.",
    )
    freed_bytes: int = Field(0, description="Size in bytes of the artifacts that were removed.")


class SourceFetch(StatusPart):
    """The verification that the source was downloaded again for."""

    artifact: str = Field(description="Key of the artifact to verify.")
    verification: str = Field(description="Level of spec.verification that it is verified at.")


class Maintenance(StatusPart):
    """Removal of older artifacts and changes of the source since the artifact was published."""

    last_pruned: LastPruned | None = None
    prune_skipped_at: datetime | None = Field(
        None,
        description="Time at which a pruning Job started too late to rely on which artifacts pods mount, and removed"
        " nothing. Pruning is tried again 10 minutes later.",
    )
    blocked_reason: str | None = Field(
        None, description="Why older artifacts are not removed although spec.output.historyLimit is exceeded."
    )
    source_changed: str | None = Field(
        None,
        description="How the source differs from the one that the artifact was made from, or why it could not be"
        " inspected. The artifact stays published.",
    )
    source_fetched_for: SourceFetch | None = None

    def update(self, **fields: object) -> "Maintenance":
        """Return a copy with these fields changed."""
        return self.model_copy(update=fields)
