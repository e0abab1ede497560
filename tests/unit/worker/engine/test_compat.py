"""Differences between releases of vLLM: what an older one cannot load is refused."""

from __future__ import annotations

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.compat import refuse_file_pattern


@pytest.mark.parametrize(
    ("pattern", "stages", "version", "refused"),
    [
        ("", 2, "0.31.1", True),
        ("", 1, "0.26.0+cpu", False),
        ("m-{tp_rank}-{part}.safetensors", 1, "0.31.0", True),
        ("m-{rank}-{part}.safetensors", 1, "0.31.0", False),
        ("", 2, "0.32.0rc1", False),
        ("", 2, "1.0", False),
        ("", 2, "fork", False),
    ],
)
def test_file_patterns_that_an_older_vllm_cannot_load_are_refused(
    pattern: str, stages: int, version: str, refused: bool
) -> None:
    if not refused:
        refuse_file_pattern(pattern, stages, version)
        return
    with pytest.raises(WorkerFailure) as failed:
        refuse_file_pattern(pattern, stages, version)
    assert failed.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert version in failed.value.message
