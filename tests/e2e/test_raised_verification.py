"""A higher level of verification is proven on the published artifact, which is not written again."""

from __future__ import annotations

from tools.testing.checkpoints import condition, create
from tools.testing.kubectl import Kubectl


def test_a_higher_level_is_proven_on_the_published_artifact(created: None, kubectl: Kubectl) -> None:
    checkpoint = create(kubectl, "raised", tensor_parallel_size=1, verification="Digests")
    before = checkpoint.wait_ready()
    assert condition(before, "Verified")["status"] == "Unknown"
    checkpoint.patch(verification="Load")
    after = checkpoint.wait_ready()
    assert condition(after, "Verified")["status"] == "True"
    old, new = before["status"]["artifact"], after["status"]["artifact"]
    assert (new["path"], new["completedAt"], new["bytes"]) == (old["path"], old["completedAt"], old["bytes"])
    assert new["verifiedBy"] == "Load"
    checkpoint.delete()
