"""Sources that are not what they should be: told before a GPU is taken, with the file that is wrong."""

from __future__ import annotations

import pytest

from tools.testing.checkpoints import Checkpoint, holds
from tools.testing.tiny_llama import FILES


def _refused(checkpoint: Checkpoint, reason: str, *words: str) -> None:
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == reason, ready
    for word in words:
        assert word in ready["message"]
    assert not holds(checkpoint.read(), "SourceReady")
    assert checkpoint.status["lastFailure"]["reason"] == reason
    assert not checkpoint.jobs("shard")


@pytest.mark.begins(path="missing-file")
def test_a_missing_weights_file(checkpoint: Checkpoint) -> None:
    _refused(checkpoint, "SourceIncomplete", FILES[1])


@pytest.mark.begins(path="truncated")
def test_a_truncated_file(checkpoint: Checkpoint) -> None:
    _refused(checkpoint, "SourceCorrupt", FILES[1])


@pytest.mark.begins(path="html")
def test_a_login_page_instead_of_weights(checkpoint: Checkpoint) -> None:
    _refused(checkpoint, "SourceCorrupt", FILES[1])


@pytest.mark.begins(path="no-config")
def test_a_source_without_its_configuration(checkpoint: Checkpoint) -> None:
    _refused(checkpoint, "SourceIncomplete", "config.json")


@pytest.mark.begins(path="nowhere")
def test_a_folder_that_does_not_exist(checkpoint: Checkpoint) -> None:
    _refused(checkpoint, "SourceNotFound", "nowhere")


@pytest.mark.begins(source={"persistentVolumeClaim": {"claimName": "nowhere", "path": ""}})
def test_a_source_claim_that_does_not_exist(checkpoint: Checkpoint) -> None:
    assert holds(checkpoint.wait_reason("VolumeNotFound", "nowhere"), "Reconciling")
    assert not checkpoint.jobs()
