"""Artifacts and servers that are compared in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.manifest import Manifest
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.serving.command_line import read_server_line
from shardwright_worker.serving.guard import check_for_serving
from tools.testing.tiny_files import write_artifact

MADE = EngineSettings(tensor_parallel_size=2, extra_args={"load_format": "pt", "moe_backend": "triton"})


def guard(manifest: Manifest, *words: str, own: str = "") -> list[str]:
    """Return what could not be compared between an artifact and the command line of a server."""
    line = read_server_line(list(words))
    return check_for_serving(manifest, line.settings, "0.32.0", manifest.engine.accelerator, line.beside, own)


def refusal(manifest: Manifest, *words: str, own: str = "") -> str:
    """Return the message with which a server's command line is rejected."""
    with pytest.raises(WorkerFailure) as caught:
        guard(manifest, *words, own=own)
    assert caught.value.reason == Reason.INVALID_ENGINE_ARGUMENTS
    return caught.value.message


def made(tmp_path: Path, pattern: str = "", **fields: Any) -> Manifest:
    """Return the manifest of an artifact with these settings."""
    settings = EngineSettings(**{"tensor_parallel_size": 2, **fields})
    manifest = write_artifact(tmp_path, settings=settings)
    return manifest.model_copy(update={"file_pattern": pattern or manifest.file_pattern})


def with_tensor(manifest: Manifest, name: str) -> Manifest:
    """Return the manifest with another name for its first tensor."""
    (first, *rest) = manifest.parts
    tensors = [first.tensors[0].model_copy(update={"name": name}), *first.tensors[1:]]
    return manifest.model_copy(update={"parts": [first.model_copy(update={"tensors": tensors}), *rest]})
