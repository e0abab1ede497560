"""What a prepare stage reports about an artifact that is published already: pruning, damage, a missing source."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from shardwright_worker.contract.bounded_types import Count, Wire, otherwise, text_of
from shardwright_worker.contract.naming import is_key

MOST_KEYS = 40  # in one list: a report has 4096 bytes for everything


def _keys(values: Any) -> list[str]:
    """Return the first artifact keys of a list. Anything else in it is left out."""
    if not isinstance(values, list):
        return []
    return [one for one in values if isinstance(one, str) and is_key(one)][:MOST_KEYS]


Keys = Annotated[list[str], BeforeValidator(_keys)]
Number = Annotated[Count, otherwise(0)]
Note = Annotated[Annotated[str, text_of(2048)] | None, otherwise(None)]


class PruneReport(Wire):
    """The result of removing older artifacts. Lists hold at most 40 artifact keys; sizes are in bytes.

    `kept`: artifacts that are left; `not_removed`: those that could not be removed, or are not recognized as artifacts
    of this folder; `in_use`: those that a pod mounts; `expired`: --prune-until passed before everything was removed.
    """

    kept: Number = 0
    removed: Keys = Field(default_factory=list)
    removed_count: Number = 0
    not_removed: Keys = Field(default_factory=list)
    in_use: Keys = Field(default_factory=list)
    freed_bytes: Number = 0
    expired: Annotated[bool, otherwise(False)] = False


class MaintenanceReport(Wire):
    """What was found and done around the published artifact.

    `damage`: what is wrong with the published artifact; `source_problem`: why its source could not be inspected.
    """

    pruned: Annotated[PruneReport | None, otherwise(None)] = None
    damage: Note = None
    source_problem: Note = None
