"""Publishing of a small artifact, for tests."""

from __future__ import annotations

from pathlib import Path

from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.naming import MANIFEST_NAME
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.publish.publish import publish
from shardwright_worker.publish.staging import Staging
from tools.testing.tiny_files import KEY, write_artifact


def publish_artifact(output: Path, created_at: str = "2026-02-02T00:00:00Z", replaces: str = "") -> ArtifactReport:
    with Staging(output, KEY, "") as staging:
        manifest: Manifest = write_artifact(staging.path, created_at=created_at)
        (staging.path / MANIFEST_NAME).unlink()
        return publish(staging, manifest, output / KEY, output, lambda: {"publish": 0.1}, replaces)
