"""Stock vLLM loads the shards of each kind of model with the same weights and tokens as the source."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from shardwright_worker.artifact.manifest_file import read_manifest
from tests.engine.conftest import Make
from tools.models import language, mixture_of_experts


def _read(folder: Path, rank: int) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for part in read_manifest(folder).parts:
        if part.rank == rank:
            with safe_open(folder / part.file, "pt") as file:
                tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return tensors


def test_llama_with_the_same_tokens(make: Make, output: Path, tmp_path: Path) -> None:
    report = make(language.llama(tmp_path / "source"), "generate", max_file_size=200_000)
    manifest = read_manifest(output / report.key)
    assert manifest.verification.level == report.verified_by == "Generate"
    assert len(manifest.verification.tokens) >= 2
    assert all(manifest.verification.tokens)
    assert len(manifest.parts) > 2
    seconds = manifest.duration_seconds
    steps = [seconds[name] for name in ("import", "configure", "startRanks", "readWeights")]
    assert all(step >= 0 for step in steps)
    assert sum(steps) == pytest.approx(seconds["load"], abs=0.05)
    assert all(sum(1 for _ in part.tensors) for part in manifest.parts)
    assert report.bytes == sum(path.stat().st_size for path in (output / report.key).iterdir()) - _manifest_size(output)


def _manifest_size(output: Path) -> int:
    return next(output.glob("*/shardwright.json")).stat().st_size


def test_tensor_parallel_ranks_hold_their_rows(make: Make, output: Path, tmp_path: Path) -> None:
    report = make(language.llama(tmp_path / "source"), tensor_parallel_size=2)
    with safe_open(tmp_path / "source" / "model.safetensors", "pt") as file:
        source = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    prefix = "model.layers.1.self_attn."
    for rank in range(2):
        saved = _read(output / report.key, rank)
        halves = [source[f"{prefix}{one}_proj.weight"].chunk(2)[rank] for one in "qkv"]
        assert torch.equal(saved[f"{prefix}qkv_proj.weight"], torch.cat(halves))
        assert torch.equal(saved[f"{prefix}o_proj.weight"], source[f"{prefix}o_proj.weight"].chunk(2, dim=1)[rank])
        assert torch.equal(saved["model.norm.weight"], source["model.norm.weight"])
    modes = {path.stat().st_mode & 0o777 for path in (output / report.key).iterdir()}
    assert modes == {0o644}
    assert (output / report.key).stat().st_mode & 0o777 == 0o755
    assert [path.name for path in output.iterdir()] == [report.key]


def test_pipeline_stages_hold_their_layers(make: Make, output: Path, tmp_path: Path) -> None:
    report = make(language.llama(tmp_path / "source"), pipeline_parallel_size=2)
    names = sorted(path.name for path in (output / report.key).glob("*.safetensors"))
    assert names == ["model-pp-0-tp-0-part-0.safetensors", "model-pp-1-tp-0-part-0.safetensors"]
    layers = [
        {name.split(".")[2] for name in _read(output / report.key, rank) if ".layers." in name} for rank in (0, 1)
    ]
    assert layers == [{"0"}, {"1"}]


@pytest.mark.parametrize("build", [mixture_of_experts.qwen3_moe, mixture_of_experts.deepseek_v2])
def test_experts_and_latent_attention_with_the_same_tokens(make: Make, tmp_path: Path, build: language.Build) -> None:
    assert make(build(tmp_path / "source"), "generate").verified_by == "Generate"


@pytest.mark.parametrize(("head", "tied"), [("none", True), ("same", True), ("other", False)])
def test_tied_embeddings(make: Make, output: Path, tmp_path: Path, head: str, tied: bool) -> None:
    report = make(language.tied_llama(tmp_path / "source", head))
    config = json.loads((output / report.key / "config.json").read_text())
    assert config["tie_word_embeddings"] is tied
    assert ("model.embed_tokens.weight" in _read(output / report.key, 0)) is not tied


def test_a_published_artifact_is_found_again(make: Make, tmp_path: Path) -> None:
    source = language.llama(tmp_path / "source")
    first = make(source, "load")
    stages: list[str] = []
    for level in ("digests", "load"):
        assert make(source, level, lambda progress: stages.append(progress.stage)) == first
    assert stages == []
