"""A volume with a source and the prepare stage on it, for tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.cli.main import main
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.report import Report, read_report
from shardwright_worker.publish.publish import publish
from shardwright_worker.publish.staging import Staging
from tools.testing.tiny_files import model_files, write_artifact, write_files


class Volume:
    """An output folder, a source beside it, and the prepare stage on both."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.source, self.output, self._capsys = write_files(root / "model", model_files()), root / "out", capsys
        report = self.prepare()
        assert report.source
        self.key, self.digest = report.key, report.source.digest

    @property
    def folder(self) -> Path:
        """Where the artifact belongs."""
        return self.output / self.key

    def prepare(self, *more: str) -> Report:
        """Its report."""
        main(["prepare", "--source", str(self.source), "--output", str(self.output), *more])
        report = read_report(self._capsys.readouterr().out.splitlines()[-1])
        assert report
        return report

    def write(self) -> None:
        """The artifact, as the shard stage would have published it."""
        write_artifact(self.folder, settings=EngineSettings(), source_digest=self.digest, image="")

    def publish(self) -> None:
        """The end of a shard stage."""
        with Staging(self.output, self.key, "") as staging:
            manifest = write_artifact(
                staging.path, settings=EngineSettings(), source_digest=self.digest, image="", created_at="2027-01-01Z"
            )
            publish(staging, manifest, self.folder, self.output, dict)
