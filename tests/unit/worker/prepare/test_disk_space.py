"""The check of free space."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.disk_space import check_space


def test_names_needed_and_free_bytes(tmp_path: Path) -> None:
    check_space(tmp_path / "not" / "there", 1, "the shards")
    with pytest.raises(WorkerFailure) as caught:
        check_space(tmp_path, 2**60, "the shards")
    assert caught.value.reason == Reason.INSUFFICIENT_SPACE
    assert "the shards need 1101004.8 TiB, and the volume has " in caught.value.message
    assert "enlarge the claim" in caught.value.message
