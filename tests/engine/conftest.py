"""What the tests with vLLM share: one import of it, and a short way to the shard stage."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.engine import EngineSettings
from shardwright_worker.contract.progress import Progress
from shardwright_worker.contract.report import ArtifactReport
from shardwright_worker.shard.request import ShardRequest
from shardwright_worker.shard.run import shard

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
    """Run the shard stage for a source; settings by vLLM's names."""

    def run(
        source: Path,
        verification: str = "load",
        watch: Watch = lambda _: None,
        max_file_size: int = 5 * 1024**3,
        **settings: object,
    ) -> ArtifactReport:
        request = ShardRequest(
            source=source,
            output=output,
            settings=EngineSettings.model_validate(settings),
            max_file_size=max_file_size,
            verification=verification,
            source_digest="0" * 64,
        )
        return shard(request, watch)

    return run
