"""The tables of an artifact."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from shardwright_worker.artifact.inspect_table import print_artifact
from shardwright_worker.artifact.manifest_file import read_manifest
from shardwright_worker.contract.measured import Measured, MeasuredLoad
from tests.unit.worker.serving_cases import MADE
from tools.testing.tiny_files import write_artifact


def test_an_artifact_is_shown(tmp_path: Path) -> None:
    write_artifact(tmp_path, settings=MADE)
    stream = io.StringIO()
    print_artifact(read_manifest(tmp_path), Console(file=stream, width=200))
    shown = stream.getvalue()
    for words in (
        "org/model",
        "tp=2 pp=1",
        "vLLM 0.32.0",
        "stock loader",
        "model-rank-1-part-0.safetensors",
        "moe_backend=triton",
        "--moe-backend triton",
    ):
        assert words in shown


def test_a_measurement_is_shown(tmp_path: Path) -> None:
    made = write_artifact(tmp_path, settings=MADE)
    stream = io.StringIO()
    source, shards = MeasuredLoad(seconds=41.04, bytes_read=8 * 2**30), MeasuredLoad(seconds=12.3, bytes_read=2**32)
    measured = made.model_copy(update={"measured": Measured(source=source, shards=shards)})
    print_artifact(measured, Console(file=stream, width=200))
    assert "in 12.3 s instead of 41.0 s, 4.0 GiB read instead of 8.0 GiB" in stream.getvalue()


def test_a_crafted_artifact_is_shown_without_control_characters(tmp_path: Path) -> None:
    write_artifact(tmp_path, settings=MADE)
    text = (tmp_path / "shardwright.json").read_text()
    evil = json.dumps("[/nope][bold]\x1b[2J\x9b31m\u202e\nx")[1:-1]
    for spot in ("org/model", "engine:1", "2026-01-02T03:04:05Z", "config.json", "triton", "NVIDIA H100"):
        assert spot in text
        text = text.replace(spot, evil)
    (tmp_path / "shardwright.json").write_text(text)
    stream = io.StringIO()
    print_artifact(read_manifest(tmp_path), Console(file=stream, width=300))
    shown = stream.getvalue()
    assert "[/nope][bold]�[2J" in shown
    assert not {"\x1b", "\x9b", "\u202e"} & {*shown}
