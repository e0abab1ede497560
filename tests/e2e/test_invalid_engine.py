"""Engine settings that do not work: the reason names the setting, before a GPU is used where that is possible."""

from __future__ import annotations

import pytest

from tools.testing.checkpoints import Checkpoint, holds


@pytest.mark.creates(tensor_parallel_size=3)
def test_a_tensor_parallel_size_that_does_not_divide_the_heads(checkpoint: Checkpoint) -> None:
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == "InvalidEngineArguments", ready
    assert "3" in ready["message"]
    assert "4" in ready["message"]
    assert not checkpoint.jobs("shard"), "a GPU was requested for it"


@pytest.mark.creates(engine={"tensorParallelSize": 2, "image": "shardwright.local/no-such-image:dev"})
def test_an_engine_image_that_does_not_exist_and_is_corrected(checkpoint: Checkpoint) -> None:
    assert holds(checkpoint.wait_reason("ImagePullFailed", "shardwright.local/no-such-image:dev"), "Reconciling")
    checkpoint.patch(engine={"image": ""})
    checkpoint.wait_ready()
    checkpoint.delete()
