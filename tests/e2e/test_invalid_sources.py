"""Invalid sources: found before a GPU is used; the message names the file or claim."""

from __future__ import annotations

import pytest

from tools.testing.checkpoints import Checkpoint, holds
from tools.testing.tiny_llama import FILES


def _expect_rejection(checkpoint: Checkpoint, reason: str, named: str) -> None:
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == reason, ready
    assert named in ready["message"]
    assert not holds(checkpoint.read(), "SourceReady")
    assert checkpoint.status["lastFailure"]["reason"] == reason
    assert not checkpoint.jobs("shard")


@pytest.mark.creates(path="missing-file")
def test_a_missing_weights_file(checkpoint: Checkpoint) -> None:
    _expect_rejection(checkpoint, "SourceIncomplete", FILES[1])


@pytest.mark.creates(path="truncated")
def test_a_truncated_file(checkpoint: Checkpoint) -> None:
    _expect_rejection(checkpoint, "SourceCorrupt", FILES[1])


@pytest.mark.creates(path="html")
def test_a_login_page_instead_of_weights(checkpoint: Checkpoint) -> None:
    _expect_rejection(checkpoint, "SourceCorrupt", FILES[1])


@pytest.mark.creates(path="no-config")
def test_a_source_without_its_configuration(checkpoint: Checkpoint) -> None:
    _expect_rejection(checkpoint, "SourceIncomplete", "config.json")


@pytest.mark.creates(path="nowhere")
def test_a_folder_that_does_not_exist(checkpoint: Checkpoint) -> None:
    _expect_rejection(checkpoint, "SourceNotFound", "nowhere")


@pytest.mark.creates(source={"persistentVolumeClaim": {"claimName": "nowhere", "path": ""}})
def test_a_source_claim_that_does_not_exist(checkpoint: Checkpoint) -> None:
    assert holds(checkpoint.wait_reason("VolumeNotFound", "nowhere"), "Reconciling")
    assert not checkpoint.jobs()
