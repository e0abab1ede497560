"""The flags of a server of the artifact."""

from __future__ import annotations

from pathlib import Path

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.engine.serving_arguments import serving_flags


def test_a_server_loads_shards_with_the_settings() -> None:
    flags = serving_flags(Path("/models/x"), EngineSettings(tensor_parallel_size=2), "")
    assert flags == ["--model", "/models/x", "--load-format", "sharded_state", "--tensor-parallel-size", "2"]


def test_a_file_pattern_is_a_setting_of_the_loader() -> None:
    flags = serving_flags(Path("/models/x"), EngineSettings(), "m-{rank}-{part}.safetensors")
    assert flags[-2:] == ["--model-loader-extra-config", '{"pattern": "m-{rank}-{part}.safetensors"}']
