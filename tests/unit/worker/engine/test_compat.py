"""Differences between releases of vLLM: what one of them cannot load is refused, and so are all others."""

from __future__ import annotations

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.contract.vllm_support.releases import SUPPORTED
from shardwright_worker.engine.compat import refuse_file_pattern, refuse_release


@pytest.mark.parametrize(
    "version", [*(f"{release}.1+cpu" for release in SUPPORTED), "0.33.1rc2.dev7+g1a2b3c4", "fork", ""]
)
def test_supported_releases_and_versions_without_one_are_accepted(version: str) -> None:
    refuse_release(version)


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ("0.25.1", "with one of these"),
        ("0.9.2+cpu", "with one of these"),
        ("0.34.0rc1", "with one of these or a newer worker"),
        ("1.0.0", "with one of these or a newer worker"),
    ],
)
def test_other_releases_are_refused_with_what_to_do(version: str, remedy: str) -> None:
    with pytest.raises(WorkerFailure) as failed:
        refuse_release(version)
    assert failed.value.reason == Reason.UNSUPPORTED_ENGINE
    assert failed.value.message.startswith(
        f"vLLM {version} is installed, and this worker supports {SUPPORTED[0]} to {SUPPORTED[-1]}: use"
    )
    assert failed.value.message.endswith(remedy)


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
