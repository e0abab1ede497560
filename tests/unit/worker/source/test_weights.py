"""Weights of a source: the files that vLLM reads, and each tensor in one of them."""

from __future__ import annotations

from pathlib import Path

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.prepare.preflight import check_source
from shardwright_worker.source.listing import list_source
from tests.unit.worker.source_cases import check, inspect_source, rejection
from tools.testing.tiny_files import FIRST, model_files, write_files


def test_names_the_files_of_an_index_without_weights(tmp_path: Path) -> None:
    files = {name: content for name, content in model_files().items() if not name.endswith(".safetensors")}
    failure = rejection(tmp_path, files)
    assert failure.reason == Reason.SOURCE_INCOMPLETE
    assert FIRST in failure.message


def test_uses_pickles_only_without_safetensors(tmp_path: Path) -> None:
    files = model_files()
    files["pytorch_model.bin"] = b"<html>"
    check(tmp_path / "both", files)
    plain = {"config.json": files["config.json"], "pytorch_model.bin": b"\x80\x02}."}
    assert check(tmp_path / "bin", plain).weights == ["pytorch_model.bin"]
    broken = {**plain, "pytorch_model.bin": b"<html>"}
    assert "an HTML page" in rejection(tmp_path / "broken", broken).message


def test_ignores_files_that_the_index_does_not_name(tmp_path: Path) -> None:
    check(tmp_path, {**model_files(), "model-old.safetensors": b"junk"})


def test_rejects_weights_in_mistrals_format_in_a_subfolder(tmp_path: Path) -> None:
    folder = write_files(tmp_path, {**model_files(), "original/consolidated.safetensors": b"x"})
    _listing, reason, message = inspect_source(folder)
    assert reason == Reason.INVALID_ENGINE_ARGUMENTS
    assert "because of original/consolidated.safetensors" in message
    settings = EngineSettings(extra_args={"load_format": "safetensors"})
    check_source(list_source(folder, settings.extra_args), settings)
