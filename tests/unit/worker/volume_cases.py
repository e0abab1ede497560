"""An output volume after a prepare stage, for tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.cli.main import main
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.report import Report, read_report
from shardwright_worker.publish.publish import publish
from shardwright_worker.publish.staging import Staging
from tools.testing.tiny_files import model_files, write_artifact, write_files


class PreparedVolume:
    """An output folder and a source beside it, on which the prepare stage has run once."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.source, self.output, self._capsys = write_files(root / "model", model_files()), root / "out", capsys
        report = self.prepare()
        assert report.source
        self.key, self.digest = report.key, report.source.digest

    @property
    def folder(self) -> Path:
        """The folder that the artifact is published as."""
        return self.output / self.key

    def prepare(self, *more: str) -> Report:
        """Run the prepare stage and return its report."""
        main(["prepare", "--source", str(self.source), "--output", str(self.output), *more])
        report = read_report(self._capsys.readouterr().out.splitlines()[-1])
        assert report
        return report

    def write(self) -> None:
        """Write the artifact as the shard stage would publish it."""
        write_artifact(self.folder, settings=EngineSettings(), source_digest=self.digest, image="")

    def publish(self) -> None:
        """Publish the artifact as at the end of a shard stage."""
        with Staging(self.output, self.key, "") as staging:
            manifest = write_artifact(
                staging.path, settings=EngineSettings(), source_digest=self.digest, image="", created_at="2027-01-01Z"
            )
            publish(staging, manifest, self.folder, self.output, dict)
