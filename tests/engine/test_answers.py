"""Generate compares what a model answers: tokens with log-probabilities, or vectors where a model pools."""

from __future__ import annotations

from pathlib import Path

from shardwright_worker.artifact.manifest_file import read_manifest
from tests.engine.conftest import Make
from tools.models import language


def test_a_model_that_writes(make: Make, output: Path, tmp_path: Path) -> None:
    proof = read_manifest(output / make(language.llama(tmp_path / "source"), "generate").key).verification
    assert [len(line) for line in proof.tokens] == [16, 16]
    assert all(number <= 0 for line in proof.logprobs for number in line)
    assert [len(line) for line in proof.logprobs] == [64, 64]
    assert proof.vectors == []


def test_a_model_that_pools(make: Make, output: Path, tmp_path: Path) -> None:
    source = language.add_tokenizer(language.llama(tmp_path / "source"))
    report = make(source, "generate", extra_args={"runner": "pooling", "convert": "embed"})
    proof = read_manifest(output / report.key).verification
    assert proof.tokens == []
    assert [len(line) for line in proof.vectors] == [64, 64]
    assert all(any(line) for line in proof.vectors)


def test_a_model_that_pools_and_projects(make: Make, output: Path, tmp_path: Path) -> None:
    proof = read_manifest(output / make(language.embedder(tmp_path / "source"), "generate").key).verification
    assert [len(line) for line in proof.vectors] == [32, 32]
