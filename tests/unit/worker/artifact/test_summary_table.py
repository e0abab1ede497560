"""The table at the end of `shard`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from shardwright_worker.artifact.summary_table import print_summary
from shardwright_worker.contract.manifest import FileDigest, Manifest
from shardwright_worker.contract.measured import Measured, MeasuredLoad
from tests.unit.worker.serving_cases import MADE
from tools.testing.tiny_files import write_artifact


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """An artifact with parts of 2 GB, a configuration of 1 GB, and a source of 3 GB."""
    made = write_artifact(tmp_path, settings=MADE)
    source = made.source.model_copy(update={"files": [FileDigest(name="x", size=3 * 10**9, sha256="")]})
    parts = [part.model_copy(update={"size": 10**9}) for part in made.parts]
    config = [file.model_copy(update={"size": 10**9}) for file in made.metadata]
    return made.model_copy(update={"source": source, "parts": parts, "metadata": config})


def _shown(manifest: Manifest, durations: Mapping[str, float]) -> list[str]:
    stream = io.StringIO()
    print_summary(manifest, Path("/out/with space/key"), durations, Console(file=stream, width=80))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_the_numbers_are_those_of_the_report_and_the_manifest(manifest: Manifest) -> None:
    seconds = {"shard": 20.0, "digest": 1.5, "load": 6.0, "save": 0.5, "verify": 2.0, "publish": 0.1, "other": 3.0}
    lines = _shown(manifest, seconds)
    rows = [line.split() for line in lines]
    assert rows[:2] == [[], ["artifact", "/out/with", "space/key"]]
    assert "size      2.8 GiB in 3 files" in lines
    assert "layout    tp=2 pp=1, parts up to 5.0 GiB" in lines
    assert "verified  by loading it with the stock loader of vLLM 0.32.0, 4 tensors" in lines
    start = rows.index(["stage", "seconds", "GB/s"])
    assert rows[start + 1 : start + 8] == [
        ["digest", "1.5", "2.00"],
        ["load", "6.0", "0.50"],
        ["save", "0.5", "4.00"],
        ["verify", "2.0", "1.50"],
        ["publish", "0.1"],
        ["other", "3.0"],
        ["this", "run", "20.0"],
    ]


def test_what_was_measured_is_shown_and_nothing_else(manifest: Manifest) -> None:
    measured = Measured(source=MeasuredLoad(seconds=41), shards=MeasuredLoad(seconds=12.34, bytes_read=5))
    lines = _shown(manifest.model_copy(update={"measured": measured}), {"measure": 60.0})
    assert "loads     in 12.3 s instead of 41.0 s" in lines
    assert "measure     60.0" in lines
    assert not any(line.startswith("loads") for line in _shown(manifest, {}))


def test_the_steps_of_loading_are_part_of_it(manifest: Manifest) -> None:
    steps = {"import": 2.0, "configure": 0.5, "startRanks": 0.5, "readWeights": 3.0}
    lines = _shown(manifest, {"shard": 7.0, "load": 6.0, **steps, "save": 0.5})
    start = lines.index("stage          seconds  GB/s")
    assert lines[start + 1 : start + 7] == [
        "load               6.0",
        "  import           2.0",
        "  configure        0.5",
        "  startRanks       0.5",
        "  readWeights      3.0  1.00",
        "save               0.5  4.00",
    ]


def test_the_command_that_serves_it_is_one_line(manifest: Manifest) -> None:
    expected = (
        "vllm serve '/out/with space/key' --load-format sharded_state --tensor-parallel-size 2 --moe-backend triton"
    )
    assert _shown(manifest, {})[-1] == expected
    renamed = manifest.model_copy(update={"file_pattern": "x-{rank}-{part}.safetensors"})
    assert _shown(renamed, {})[-1] == (
        expected + """ --model-loader-extra-config '{"pattern": "x-{rank}-{part}.safetensors"}'"""
    )


def test_the_stages_of_an_artifact_that_was_found_are_not_those_of_this_run(manifest: Manifest) -> None:
    shown = "\n".join(_shown(manifest, {"shard": 0.3, "load": 6.0}))
    assert "stage, as made at 2026-01-02T03:04:05Z" in shown
    assert "as made at" not in "\n".join(_shown(manifest, {"shard": 7.0, "load": 6.0}))


def test_a_crafted_manifest_writes_no_control_characters(manifest: Manifest) -> None:
    verification = manifest.verification.model_copy(update={"level": "[bold]\x1b[2J\x9b"})
    crafted = manifest.model_copy(update={"verification": verification, "created_at": "\x1b[2J"})
    shown = "\n".join(_shown(crafted, {"shard": 0.1, "save\x1b": 1.0}))
    assert "[bold]" in shown
    assert not {"\x1b", "\x9b"} & {*shown}
