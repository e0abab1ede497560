"""What the tests with vLLM share: one import of it, and a short way to the shard stage."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.progress_line import Progress
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.prepare.layout import Layout
from shardwright_worker.reporting.progress_output import ignore_progress
from shardwright_worker.shard.shard_request import ShardRequest
from shardwright_worker.shard.shard_stage import shard
from shardwright_worker.source.file_digests import digest_files, source_digest
from shardwright_worker.source.listing import list_source
from shardwright_worker.source.source_fingerprint import fingerprint

Watch = Callable[[Progress], None]
Make = Callable[..., ArtifactReport]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An empty volume."""
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


@pytest.fixture
def make(output: Path) -> Make:
    """Run the shard stage for a source as it is, named as prepare names it; settings by vLLM's names."""

    def run(
        source: Path,
        verification: str = "load",
        watch: Watch = lambda _: None,
        max_file_size: int = 5 * 1024**3,
        file_pattern: str = "",
        measure: bool = False,
        **settings: object,
    ) -> ArtifactReport:
        engine = EngineSettings.model_validate(settings)
        layout = Layout(engine, output, output, file_pattern=file_pattern, max_file_size=max_file_size)
        listing = list_source(source, engine.extra_args)
        digest = source_digest(digest_files(source, listing.files, ignore_progress))
        request = ShardRequest(
            source=source,
            output=output,
            settings=engine,
            artifact_name=layout.key(digest),
            source_digest=digest,
            source_fingerprint=fingerprint(listing),
            file_pattern=file_pattern,
            max_file_size=max_file_size,
            verification=verification,
            measure=measure,
        )
        return shard(request, watch)

    return run
