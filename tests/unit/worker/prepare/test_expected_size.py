"""The expected size of the shards."""

from __future__ import annotations

from pathlib import Path

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.prepare.preflight import Preflight, check_source
from shardwright_worker.source.listing import list_source
from tools.testing.tiny_files import model_files, write_files

Files = dict[str, bytes]


def check(folder: Path, files: Files, engine: EngineSettings | None = None) -> Preflight:
    engine = engine or EngineSettings()
    return check_source(list_source(write_files(folder, files), engine.extra_args), engine)


def test_a_wider_dtype_needs_more_space(tmp_path: Path) -> None:
    write_files(tmp_path, model_files())
    values = 64 + 32 + 32 + 64
    assert check(tmp_path, {}, EngineSettings(dtype="float32")).expected_bytes == values * 4
    assert check(tmp_path, {}, EngineSettings(dtype="half")).expected_bytes == values * 2
