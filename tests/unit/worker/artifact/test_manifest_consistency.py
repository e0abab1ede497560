"""Manifests that contradict themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shardwright_worker.artifact.find import find_artifact, find_damage
from shardwright_worker.artifact.target_state import TargetState, target_state
from shardwright_worker.contract.naming import MANIFEST_NAME
from tests.unit.worker.artifact_cases import Change, rewrite_manifest
from tools.testing.tiny_files import KEY, write_artifact

PART, FIRST = "model-rank-1-part-0.safetensors", "model-rank-0-part-0.safetensors"


def _second_part(wire: dict[str, Any], **other: object) -> None:
    wire["parts"].append({**wire["parts"][1], **other})


def _split(wire: dict[str, Any], name: str, tensor: str) -> None:
    """A second part of rank 1, with a tensor that its first has already."""
    tensors = [one for one in wire["parts"][1]["tensors"] if one["name"] == tensor]
    _second_part(wire, part=1, file=name, tensors=tensors)


CONTRADICTIONS: dict[str, tuple[Change, str]] = {
    "no parts": (lambda wire: wire.update(parts=[]), "it has no parts"),
    "a rank without parts": (lambda wire: wire["parts"].pop(), "rank 1 has no part, of 2 ranks"),
    "the first rank without parts": (lambda wire: wire["parts"].pop(0), "rank 0 has no part, of 2 ranks"),
    "a rank too many": (
        lambda wire: _second_part(wire, rank=2, ppRank=1, tpRank=0, file="model-rank-0-part-0.safetensors"),
        "rank 2 is not among the 2",
    ),
    "ranks mixed up": (lambda wire: wire["parts"][1].update(tpRank=0), "is recorded as rank 1, tensor 0, stage 0"),
    "a part left out": (
        lambda wire: wire["parts"][1].update(part=1, file="model-rank-1-part-1.safetensors"),
        "the parts of rank 1 are not numbered from 0",
    ),
    "a part twice": (lambda wire: _second_part(wire), "is named twice"),
    "another name": (lambda wire: wire["parts"][1].update(file="weights.safetensors"), "is not the name of part"),
    "an invalid pattern": (lambda wire: wire.update(filePattern="{part"), "is not the name of part"),
    "a pattern of a gigabyte": (
        lambda wire: wire.update(filePattern="{rank}-{part:>999999999}.safetensors"),
        "is not the name of part",
    ),
    "a tensor twice": (
        lambda wire: _split(wire, "model-rank-1-part-1.safetensors", "lm_head"),
        "tensor lm_head is in two places of rank 1",
    ),
    "an empty part": (lambda wire: wire["parts"][1].update(size=0), "is recorded as empty"),
    "no digest": (lambda wire: wire["parts"][1].update(sha256=""), f"{PART} has no SHA-256"),
    "no such level": (lambda wire: wire["verification"].update(level="Skipped"), "verification.level"),
    "no configuration": (lambda wire: wire.update(metadata=[]), "it has no config.json"),
    "the manifest in itself": (
        lambda wire: wire["metadata"].append({**wire["metadata"][0], "name": MANIFEST_NAME}),
        "shardwright.json is named twice",
    ),
    "another source": (lambda wire: wire["source"].update(digest="e" * 64), "its manifest is not that of"),
    "other settings": (lambda wire: wire["engine"]["settings"].update(dtype="float16"), "its manifest is not that of"),
    "overrides that are not JSON": (
        lambda wire: wire["engine"]["settings"].update(hfOverrides="["),
        "its manifest is not that of",
    ),
    "another image": (lambda wire: wire["engine"].update(image="engine:2"), "its manifest is not that of"),
    "another part size": (lambda wire: wire.update(maxFileSize=1), "its manifest is not that of"),
    "another key": (lambda wire: wire.update(key="f" * 16), "its manifest is not that of"),
    "a name outside the folder": (lambda wire: wire["metadata"][0].update(name="../config.json"), "outside the folder"),
    "a huge size": (lambda wire: wire["parts"][0].update(size=10**400), "cannot be read: parts.0.size"),
    "a size below zero": (lambda wire: wire["metadata"][0].update(size=-1), "cannot be read: metadata.0.size"),
    "a rank of a billion": (lambda wire: wire["parts"][0].update(rank=2**30), "cannot be read: parts.0.rank"),
    "too many ranks": (
        lambda wire: wire["engine"]["settings"].update(tensorParallelSize=10**12),
        "cannot be read: engine.settings.tensorParallelSize",
    ),
    "many ranks": (
        lambda wire: wire["engine"]["settings"].update(tensorParallelSize=2**20, pipelineParallelSize=2**20),
        "rank 2 has no part, of 1099511627776 ranks",
    ),
    "a long text": (lambda wire: wire["engine"].update(accelerator="x" * 10_000), "engine.accelerator"),
    "a shape of too many dimensions": (
        lambda wire: wire["parts"][0]["tensors"][0].update(shape=[1] * 100),
        "parts.0.tensors.0.shape",
    ),
}


@pytest.mark.parametrize(("change", "text"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_rejects_a_contradictory_manifest(tmp_path: Path, change: Change, text: str) -> None:
    write_artifact(tmp_path / KEY)
    assert find_artifact(tmp_path, KEY, tmp_path)
    rewrite_manifest(tmp_path / KEY, change)
    assert find_artifact(tmp_path, KEY, tmp_path) is None
    assert text in find_damage(tmp_path / KEY, KEY)
    assert target_state(tmp_path / KEY, KEY) == TargetState.DAMAGED
