"""The source's volume: read-only, and mounted once."""

from __future__ import annotations

from typing import Any

from tests.unit.manifests.built_jobs import (
    BOTH,
    arguments_of,
    pod_of,
)


def claims_of(job: dict[str, Any]) -> dict[str, bool]:
    """Return the claims that a Job's pod mounts: name -> read-only."""
    mounted = [volume.get("persistentVolumeClaim") for volume in pod_of(job)["volumes"]]
    return {one["claimName"]: one.get("readOnly", False) for one in mounted if one}


@BOTH
def test_the_source_is_mounted_read_only(build: Any) -> None:
    assert claims_of(build()) == {"models": True, "shards": False}
    assert arguments_of(build()).source == "/source/llama"


@BOTH
def test_a_source_on_the_output_claim_is_mounted_once(build: Any) -> None:
    job = build(source={"persistentVolumeClaim": {"claimName": "shards", "path": "sources/llama/"}})
    assert claims_of(job) == {"shards": False}
    assert arguments_of(job).source == "/output/sources/llama"
