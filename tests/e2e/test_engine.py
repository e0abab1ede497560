"""Engine settings that cannot work."""

from __future__ import annotations

import pytest

from tools.testing.checkpoints import Checkpoint, holds
from tools.testing.kubectl import Kubectl


@pytest.mark.begins(tensor_parallel_size=3)
def test_a_tensor_parallel_size_that_does_not_divide_the_heads(checkpoint: Checkpoint) -> None:
    ready = checkpoint.wait_stalled()
    assert ready["reason"] == "InvalidEngineArguments", ready
    assert "3" in ready["message"]
    assert "4" in ready["message"]
    assert not checkpoint.jobs("shard"), "a GPU was taken for it"


@pytest.mark.begins(engine={"tensorParallelSize": 2, "image": "shardwright.local/no-such-image:dev"})
def test_an_engine_image_that_does_not_exist_and_is_put_right(checkpoint: Checkpoint, kubectl: Kubectl) -> None:
    assert holds(checkpoint.wait_reason("ImagePullFailed", "shardwright.local/no-such-image:dev"), "Reconciling")
    kubectl.run("patch", "sckpt", checkpoint.name, "--type=merge", '--patch={"spec":{"engine":{"image":""}}}')
    checkpoint.wait_ready()
    kubectl.delete("sckpt", checkpoint.name)
