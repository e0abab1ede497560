"""Verification can fail: what is damaged between saving and loading is never published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.progress_line import Progress, Stage
from shardwright_worker.contract.reasons import Reason
from tests.engine.conftest import Make
from tools.models import language

Damage = Callable[[Path], None]


def _flip_a_byte(part: Path) -> None:
    data = bytearray(part.read_bytes())
    data[-5] ^= 0x10
    part.write_bytes(bytes(data))


def _remove(part: Path) -> None:
    part.unlink()


def _swap_two_tensors(part: Path) -> None:
    """Two tensors of the same shape get each other's name; every byte of data stays."""
    data = part.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    one, other = "model.layers.0.input_layernorm.weight", "model.norm.weight"
    header[one], header[other] = header[other], header[one]
    text = json.dumps(header, separators=(",", ":")).encode().ljust(length)
    assert len(text) == length
    part.write_bytes(data[:8] + text + data[8 + length :])


def _at_verifying(output: Path, damage: Damage) -> Callable[[Progress], None]:
    done: list[bool] = []

    def watch(progress: Progress) -> None:
        if progress.stage == Stage.VERIFYING and not done:
            done.append(True)
            (part,) = output.glob(".staging/*/model-rank-0-part-0.safetensors")
            damage(part)

    return watch


@pytest.mark.parametrize("level", ["load", "digests"])
@pytest.mark.parametrize("damage", [_flip_a_byte, _remove, _swap_two_tensors])
def test_damage_in_staging_is_found(make: Make, output: Path, tmp_path: Path, damage: Damage, level: str) -> None:
    source = language.llama(tmp_path / "source")
    with pytest.raises(WorkerFailure) as failed:
        make(source, level, _at_verifying(output, damage))
    assert failed.value.reason == Reason.VERIFICATION_FAILED
    assert not list(output.glob("*/shardwright.json"))
    assert not list(output.glob(".staging/*/*"))


def test_shards_of_another_tensor_parallel_size_are_not_proven(make: Make, output: Path, tmp_path: Path) -> None:
    source = language.llama(tmp_path / "source")
    two = make(source, "digests", tensor_parallel_size=2)
    published = output / two.key

    def swap(part: Path) -> None:
        shutil.copyfile(published / part.name, part)

    with pytest.raises(WorkerFailure) as failed:
        make(source, "load", _at_verifying(output, swap))
    assert failed.value.reason == Reason.VERIFICATION_FAILED
