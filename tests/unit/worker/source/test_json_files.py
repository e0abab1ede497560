"""The configuration of a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.preflight import check_source
from shardwright_worker.source.listing import list_source
from tests.unit.worker.source_cases import inspect_source
from tools.testing.tiny_files import safetensors, write_files


def test_a_mistral_source_without_config_json(tmp_path: Path) -> None:
    files = {
        "params.json": b'{"dim": 8, "n_layers": 1, "n_heads": 4}',
        "consolidated.safetensors": safetensors({"a": b"12"}),
    }
    folder = write_files(tmp_path, files)
    _listing, reason, message = inspect_source(folder)
    assert reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert "config_format: mistral" in message
    mistral = EngineSettings(extra_args={"config_format": "mistral"})
    assert check_source(list_source(folder, mistral.extra_args), mistral).weights == ["consolidated.safetensors"]
    (folder / "params.json").rename(folder / "config.json")
    with pytest.raises(WorkerFailure, match="remove config_format"):
        check_source(list_source(folder, mistral.extra_args), mistral)
